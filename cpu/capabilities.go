package cpu

import (
	"maps"

	"github.com/gomlx/compute"
)

// missing are the operations that the engine does not have.
var missing = map[compute.OpType]string{
	compute.OpTypeInvalid:                     "no operation",
	compute.OpTypeLast:                        "no operation",
	compute.OpTypeCapturedValue:               "no operation of the interface",
	compute.OpTypeBlockForDotGeneral:          "internal to another backend",
	compute.OpTypeDot:                         "not in the interface any more",
	compute.OpTypeSelectAndScatterSum:         "not in the interface",
	compute.OpTypeDynamicDimensionSize:        "shapes are fixed when a graph is compiled",
	compute.OpTypeDynamicShape:                "shapes are fixed when a graph is compiled",
	compute.OpTypeDynamicReshape:              "shapes are fixed when a graph is compiled",
	compute.OpTypeAllReduce:                   "one device",
	compute.OpTypeCollectiveBroadcast:         "one device",
	compute.OpTypeAllGather:                   "one device",
	compute.OpTypeFusedSoftmax:                "GoMLX would build its decomposition as well; the passes fuse that",
	compute.OpTypeFusedLayerNorm:              "GoMLX would build its decomposition as well; the passes fuse that",
	compute.OpTypeFusedGelu:                   "GoMLX would build its decomposition as well; the passes fuse that",
	compute.OpTypeFusedAttentionQKVProjection: "GoMLX would build its decomposition as well; the passes fuse that",
	compute.OpTypeFusedQuantizedDense:         "quantised inference is no aim",
	compute.OpTypeQuantizedEmbeddingLookup:    "quantised inference is no aim",
}

// Capabilities lists operations and dtypes: all but dynamic axes, collectives, quantised operations, and those fused ones
// that the engine does better to recognise in graphs.
func (b *Backend) Capabilities() compute.Capabilities {
	c := compute.Capabilities{Functions: true, Operations: map[compute.OpType]bool{}, DTypes: maps.Clone(supportedDTypes)}
	for op := range compute.OpTypeLast {
		if _, no := missing[op]; !no {
			c.Operations[op] = true
		}
	}
	return c
}
