// Package recipe is the typed configuration of a whole run, and what makes the parts of a run from it.
//
// A Config starts as a preset (Preset), is changed by a TOML file (Config.Decode) and by single settings (Config.Set), is completed from
// the data it is to train on (Config.Resolve, Config.ResolveText), and then says everything: written to config.toml, it makes the same run again. It is
// decoded strictly: an unknown key, a wrong type or a value out of range is an error that names the place and the nearest right name.
//
//	config, err := recipe.Preset("glyphs")
//	err = config.Set("train.batch=32")
//	sets, err := config.Open(ctx)          // data, and what is held out of it
//	notes, err := config.Resolve(ctx, sets.Train)
//	run, err := config.Build(ctx, sets, engine, folder)
//	result, err := run.Trainer.Train(ctx)
//
// Model alone, network and noise mathematics, is what drawing samples needs; it takes only the configuration. Runs on text have
// Config.Text, which stands in place of all that is about pictures, and a TextModel.
package recipe
