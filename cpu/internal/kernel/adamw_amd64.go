package kernel

func optimizerAVX512() Optimizer { return Optimizer{adamw: adamwAVX512, Approach: approachAVX512} }
func optimizerAVX2() Optimizer   { return Optimizer{adamw: adamwAVX2, Approach: approachAVX2} }
