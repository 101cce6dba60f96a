// Package train is the training loop: batch, draw, step, average, report, held-out loss, sample, checkpoint.
//
// A Trainer joins the parts that others make: a Task (network, what it learns, and the batches it learns from), an engine, and a Folder
// that keeps the run. Trainer.Train works until the wanted number of images or tokens has been seen; the same call on the same folder
// goes on from the last checkpoint, and ends with the same bits as a run that was never stopped:
//
//	folder, notices, err := train.OpenFolder("runs/first", train.FolderOptions{})
//	trainer := &train.Trainer{Config: config, Task: task, Backend: engine, Folder: folder}
//	result, err := trainer.Train(ctx)
//
// The loop does not know what the data is: a Task does. Denoising is continuous diffusion, of pictures or points; Tokens is text, with
// any process of package masked.
//
// One step is one compiled graph: loss, gradients, clipping, AdamW, and the moving averages of the weights (Step). All randomness of
// step k is a function of the seed and k, made on the host, so there is no generator state to save, and a batch may be cut into parts
// without a change in what is drawn.
//
// Numbers that go wrong (a loss or gradient that is not finite, or a loss that explodes) never reach a checkpoint: the trainer goes back
// to the last good one and on with half the learning rate, three times at most.
package train
