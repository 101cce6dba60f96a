// Package train is the training loop: batch, draw, step, average, report, held-out loss, sample, checkpoint.
//
// A Trainer joins the parts that others make: a Task (network, what it learns, the shape of a sample), a Source of batches, an engine,
// and a Folder that keeps the run. Trainer.Train works until the wanted number of images has been seen; the same call on the same
// folder goes on from the last checkpoint, and ends with the same bits as a run that was never stopped:
//
//	folder, notices, err := train.OpenFolder("runs/first", train.FolderOptions{})
//	trainer := &train.Trainer{Config: config, Task: task, Data: loader, Backend: engine, Folder: folder}
//	result, err := trainer.Train(ctx)
//
// One step is one compiled graph: loss, gradients, clipping, AdamW, and the moving averages of the weights (Step). All randomness of
// step k is a function of the seed and k, made on the host, so there is no generator state to save, and a batch may be cut into parts
// without a change in what is drawn.
//
// Numbers that go wrong (a loss or gradient that is not finite, or a loss that explodes) never reach a checkpoint: the trainer goes back
// to the last good one and on with half the learning rate, three times at most.
package train
