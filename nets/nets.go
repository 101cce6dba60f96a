// Package nets holds the networks that ebb trains: raw functions F(x, cNoise, class) of a noisy
// sample, a number that tells the noise level, and a class. They know nothing of
// noise schedules, losses or samplers; preconditioning wraps them (package diffusion).
//
// A network is made from a plain config struct, which says early what is wrong with it, and
// declares its parameters without a backend:
//
//	net, err := nets.NewUNet(nets.DDPMCifar10())
//	net.Params().Count()                                  // 35,746,307
//	err = net.Params().Init(scope, dtypes.Float32, seed)  // variables in a model.Store
//	y := net.Forward(&block.Ctx{Scope: scope}, x, t, nil) // inside a graph function
//
// # Exchange with PyTorch and diffusers
//
// Each parameter is a variable whose name is the very key of PyTorch's state_dict. Its
// [block.Layout] says how the axes differ: linear weights are transposed, convolution kernels
// go from OIHW to HWIO, all others are alike; [block.FromTorch] and [block.ToTorch] reorder
// the values. So UNet is diffusers' UNet2DModel (without FIR blocks, and with the logarithm and the
// division of Fourier models left to the caller), and DiT its DiTTransformer2DModel.
package nets

import (
	"github.com/ebb-ml/ebb/internal/enum"
	"github.com/ebb-ml/ebb/nets/block"
	"github.com/gomlx/gomlx/core/graph"
)

// Node is a value of the graph being built.
type Node = graph.Node

// Network is a raw network.
type Network interface {
	// Params lists the parameters.
	Params() *block.Params
	// Forward builds F(x, cNoise, class). x is [B, H, W, C] for pictures, [B, D] for
	// points, [B, L] int32 for text; cNoise is [B] floating point; class is [B] int32.
	// cNoise and class may be nil where the network takes none.
	Forward(c *block.Ctx, x, cNoise, class *Node) *Node
}

// Init selects how a network's parameters start.
type Init int

const (
	// InitTorch is PyTorch's default of every layer, as diffusers builds its models.
	InitTorch Init = iota
	// InitZero is the recipe of the network's paper: branches, gates and output start at zero, so
	// that the untrained network is a plain, well-behaved function.
	InitZero
)

var initNames = enum.New[Init]("nets", "init", "torch", "zero")

// MarshalText writes the name used in configuration files.
func (i Init) MarshalText() ([]byte, error) { return initNames.Marshal(i) }

// UnmarshalText reads the name used in configuration files.
func (i *Init) UnmarshalText(b []byte) error { return initNames.Unmarshal(i, b) }

// String is the name used in configuration files.
func (i Init) String() string { return initNames.Name(i) }
