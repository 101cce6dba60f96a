// Package ckpt keeps the run folder: the lock that gives it to one process, the small files in it, and above all its checkpoints.
//
// A checkpoint is a folder checkpoints/NNNNNNNNN, named by its step, that holds all the next training step depends on:
// one safetensors file for each [Group] of tensors (weights, averages, optimiser), state.json (counters, positions, whatever the trainer's
// state struct has) and MANIFEST.json with the size and SHA-256 of every file. It is complete and intact, or it does not count.
//
// Nothing is lost, whatever fails and whenever:
//   - A save writes into a folder .tmp-…, syncs each file, reads it back and compares hashes, writes the manifest last, syncs the folder,
//     renames it to its final name and syncs the parent. Until the rename the older checkpoints are all there is; after it the new one is there whole.
//   - A failed write, sync or rename voids that attempt for good; the next save starts in a new folder, because a kernel may drop
//     the data of a failed sync and report success for the next.
//   - Old checkpoints go only after a new one has been published, by a rename first, so that one half deleted is never taken for a damaged one.
//   - [Load] takes the newest checkpoint whose every byte matches its manifest, and names those that it had to skip.
//
// A trainer opens its run with [Open], which gives a [Run], and resumes from what [Run.Load] returns. [Run.Save] copies the tensors and
// returns; a goroutine writes the copy. The next call reports what went wrong with it. [Run.WriteFile] is for everything else in the folder.
// Reading needs no lock: [Load], [LoadStep] and [List] work on a run that another process is training.
package ckpt
