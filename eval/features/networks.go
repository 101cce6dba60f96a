package features

import (
	"fmt"

	"github.com/ebb-ml/ebb/nets"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
)

// readInception tells the variant by the number of classes.
func (n *Network) readInception(fc []int, from nets.Weights) error {
	variant := nets.InceptionFID
	if len(fc) == 2 && fc[0] == 1000 {
		variant = nets.InceptionTorchvision
	}
	net, err := nets.NewInception(variant)
	if err != nil {
		return err
	}
	scope := n.store.Scope("/inception")
	if err := net.Load(scope, from); err != nil {
		return err
	}
	if n.resize == ResizeDefault {
		n.resize = map[nets.InceptionVariant]Resize{nets.InceptionFID: ResizeTensorFlow, nets.InceptionTorchvision: ResizeTorch}[variant]
	}
	n.fid = variant == nets.InceptionFID
	n.name, n.side, n.layers = "inception-"+variant.String(), 299, []Layer{Pool, Spatial, Probabilities}
	n.mean, n.deviation = [3]float32{128, 128, 128}, [3]float32{128, 128, 128} // of the original graph
	if n.resize == ResizeTorch {                                               // pytorch-fid, and torchvision after transform_input
		n.mean, n.deviation = [3]float32{127.5, 127.5, 127.5}, [3]float32{127.5, 127.5, 127.5}
	}
	n.build = func(x *graph.Node) map[Layer]*graph.Node {
		o := net.Forward(&block.Ctx{Scope: scope, Frozen: true}, x)
		logits := o.Logits
		if variant == nets.InceptionFID {
			logits = o.NoBias
		}
		return map[Layer]*graph.Node{Pool: o.Pool, Spatial: o.Spatial, Probabilities: graph.Softmax(logits, -1)}
	}
	return nil
}

// readDINOv2 tells the size by the shapes.
func (n *Network) readDINOv2(shape func(string) []int, from nets.Weights) error {
	cls, pos, norm, patch := "cls_token", "pos_embed", "blocks.%d.norm1.weight", "patch_embed.proj.weight"
	if shape(cls) == nil {
		cls, pos, norm, patch = "embeddings.cls_token", "embeddings.position_embeddings", "encoder.layer.%d.norm1.weight", "embeddings.patch_embeddings.projection.weight"
	}
	c, p, k := shape(cls), shape(pos), shape(patch)
	if len(c) != 3 || len(p) != 3 || len(k) != 4 || p[1] < 2 || c[2]%64 != 0 {
		return fmt.Errorf("%s has shape %v, %s %v, %s %v: not those of a DINOv2", cls, c, pos, p, patch, k)
	}
	config := nets.DINOv2Config{Dim: c[2], Heads: c[2] / 64, Patch: k[2], Positions: squareRoot(p[1] - 1)}
	for shape(fmt.Sprintf(norm, config.Depth)) != nil {
		config.Depth++
	}
	net, err := nets.NewDINOv2(config)
	if err != nil {
		return err
	}
	if config.Patch > 224 || 224%config.Patch != 0 {
		return fmt.Errorf("patches of %d pixels do not divide 224", config.Patch)
	}
	scope := n.store.Scope("/dinov2")
	if err := net.Load(scope, from); err != nil {
		return err
	}
	if n.resize == ResizeDefault {
		n.resize = ResizePillow
	}
	n.name, n.side, n.layers = fmt.Sprintf("dinov2-%d", config.Dim), 224, []Layer{Pool}
	// ImageNet's statistics
	n.mean, n.deviation = [3]float32{0.485 * 255, 0.456 * 255, 0.406 * 255}, [3]float32{0.229 * 255, 0.224 * 255, 0.225 * 255}
	n.build = func(x *graph.Node) map[Layer]*graph.Node {
		return map[Layer]*graph.Node{Pool: net.Forward(&block.Ctx{Scope: scope, Frozen: true}, x)}
	}
	return nil
}
