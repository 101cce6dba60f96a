// Package event is the record of a run: typed events, the file events.jsonl they are kept in, and TensorBoard files.
//
// An [Event] says what happened ([Started], [Progress], [Evaluated], …), when, and at which point of training. [Log] appends events
// to a file, one JSON object a line; [ReadFile] and [Follow] read them back, the latter while a run goes on. [TensorBoard] writes the
// numbers, histograms and pictures among them as TensorBoard wants them. Both are a [Sink].
//
// A log is only ever appended to, so that a stop at any moment can damage at most its last line: readers leave a line without an end alone,
// and the next run begins on a fresh one. A run that resumes from a checkpoint repeats the steps after it. Its [Started] event
// says at which step it goes on, and that is what keeps a step from counting twice: [Timeline] drops what an earlier attempt
// logged for later steps, and so does TensorBoard, for which the event is written as the start of a session.
// A trainer must therefore log what belongs to a step before it saves the checkpoint of that step.
package event
