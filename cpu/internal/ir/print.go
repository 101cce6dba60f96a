package ir

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/gomlx/compute"
)

// String names the operation as the compute interface does, the engine's own by their own names.
func (op Op) String() string {
	if op < Op(compute.OpTypeLast) {
		return compute.OpType(op).String()
	}
	if name, ok := ownNames[op]; ok {
		return name
	}
	if name, ok := programNames[op]; ok {
		return name
	}
	return fmt.Sprintf("Op(%d)", int(op))
}

// String writes the graph as text, one node a line:
//
//	v3:f32[2,4] = Add(v1, v2)
func (g *Graph) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "graph %s\n", g.Name)
	for i, p := range g.Params {
		fmt.Fprintf(&b, "%s = Parameter(%d)\n", g.typed(p), i)
	}
	for i := range g.Nodes {
		b.WriteString(g.NodeString(i))
		b.WriteByte('\n')
	}
	b.WriteString("return ")
	for i, v := range g.Outputs {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "v%d", v)
	}
	b.WriteByte('\n')
	return b.String()
}

// NodeString writes one node as a line of [Graph.String].
func (g *Graph) NodeString(i int) string {
	n := &g.Nodes[i]
	out := make([]string, len(n.Outputs))
	for j, v := range n.Outputs {
		out[j] = g.typed(v)
	}
	in := make([]string, len(n.Inputs))
	for j, v := range n.Inputs {
		if in[j] = "_"; v != None {
			in[j] = fmt.Sprintf("v%d", v)
		}
	}
	return fmt.Sprintf("%s = %s(%s)%s", strings.Join(out, ", "), n.Op, strings.Join(in, ", "), attrString(n.Attr))
}

func (g *Graph) typed(v Value) string {
	s := g.Shapes[v]
	dims := strings.Trim(strings.ReplaceAll(fmt.Sprint(s.Dimensions), " ", ","), "[]")
	return fmt.Sprintf("v%d:%s[%s]", v, strings.ToLower(s.DType.String()), dims)
}

// attrString prints an attribute; sub-graphs by name, long constants by their length.
func attrString(attr any) string {
	switch a := attr.(type) {
	case nil:
		return ""
	case Constant:
		if v := reflect.ValueOf(a.Flat); v.Len() > 4 {
			return fmt.Sprintf(" {%d values}", v.Len())
		}
		return fmt.Sprintf(" {%v}", a.Flat)
	case Call:
		return fmt.Sprintf(" {%s}", a.Body.Name)
	case Sort:
		return fmt.Sprintf(" {axis %d}", a.Axis)
	case While, If:
		return ""
	case fmt.Stringer:
		return " {" + a.String() + "}"
	}
	return " " + strings.TrimPrefix(fmt.Sprintf("%+v", attr), "&")
}
