package exec

import (
	"errors"

	"github.com/ebb-ml/ebb/cpu/internal/ir"
)

var errLater = errors.New("later")

func (x *Executable) matMulStep(a ir.MatMulAttr) (step, error)               { return step{}, errLater }
func (x *Executable) convStep(a ir.Conv2DAttr) (step, error)                 { return step{}, errLater }
func (x *Executable) attentionStep(n *ir.Node, a ir.Attention) (step, error) { return step{}, errLater }
func (x *Executable) interpreted(n *ir.Node) step                            { return step{} }
