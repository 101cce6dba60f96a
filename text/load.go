package text

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ebb-ml/ebb/internal/enum"
)

// The files of a prepared folder: see PrepareFolder.
const (
	TokensFile    = "tokens.ebbtext"
	TokenizerFile = "tokenizer.json"
)

// TokenizerKind says where a tokenizer is from.
type TokenizerKind int

const (
	KindBytes TokenizerKind = iota // needs nothing
	KindChars                      // an alphabet, given or learnt
	KindBPE                        // byte pairs, learnt
	KindFile                       // a tokenizer.json, Hugging Face's or one of ours
)

var kindNames = enum.New[TokenizerKind]("text", "tokenizer", "bytes", "chars", "bpe", "file")

// ParseTokenizerKind is the inverse of String.
func ParseTokenizerKind(name string) (TokenizerKind, error) { return kindNames.Parse(name) }

// String returns the name of the kind.
func (k TokenizerKind) String() string { return kindNames.Name(k) }

// MarshalText writes the name.
func (k TokenizerKind) MarshalText() ([]byte, error) { return kindNames.Marshal(k) }

// UnmarshalText reads the name.
func (k *TokenizerKind) UnmarshalText(text []byte) error { return kindNames.Unmarshal(k, text) }

// TokenizerConfig says which tokenizer a corpus gets. The zero value is bytes with end of text and pad.
type TokenizerConfig struct {
	Kind      TokenizerKind `toml:"kind" json:"kind"`
	Vocab     int           `toml:"vocab" json:"vocab"`           // bpe: ids in all, 0 for 8192; chars: characters at most, 0 for all there are
	Alphabet  string        `toml:"alphabet" json:"alphabet"`     // chars: in the order of their ids; empty to learn it
	File      string        `toml:"file" json:"file"`             // file: its path
	NoSpecial bool          `toml:"no_special" json:"no_special"` // bytes, chars: without end of text and pad
}

const defaultVocab = 8192

// Check refuses settings that contradict each other.
func (c TokenizerConfig) Check() error {
	if err := kindNames.Check(c.Kind); err != nil {
		return err
	}
	switch {
	case c.Kind == KindFile && c.File == "":
		return errors.New("text: a tokenizer of kind file needs the path of a tokenizer.json")
	case c.Kind != KindFile && c.File != "":
		return fmt.Errorf("text: the tokenizer is %v, but the file %s is named: choose the kind file", c.Kind, c.File)
	case c.Alphabet != "" && c.Kind != KindChars:
		return fmt.Errorf("text: the tokenizer is %v, but an alphabet is given: choose the kind chars", c.Kind)
	case c.Vocab != 0 && (c.Kind == KindBytes || c.Kind == KindFile || c.Alphabet != ""):
		return fmt.Errorf("text: the size of a vocabulary (%d) is for bpe and learnt characters; here it is fixed", c.Vocab)
	case c.NoSpecial && (c.Kind == KindBPE || c.Kind == KindFile):
		return fmt.Errorf("text: a tokenizer %v has its special tokens: no_special is for bytes and chars", c.Kind)
	}
	return nil
}

// Make returns the tokenizer. It reads docs only if it has to learn from them.
func (c TokenizerConfig) Make(docs Documents) (Tokenizer, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	switch {
	case c.Kind == KindFile:
		return ReadTokenizerFile(c.File)
	case c.Kind == KindBPE:
		vocab := c.Vocab
		if vocab == 0 {
			vocab = defaultVocab
		}
		return TrainBPE(docs, BPEConfig{Vocab: vocab})
	case c.Alphabet != "":
		return NewChars([]rune(c.Alphabet), !c.NoSpecial)
	case c.Kind == KindChars:
		return LearnChars(docs, c.Vocab, !c.NoSpecial)
	}
	return NewBytes(!c.NoSpecial), nil
}

// ReadTokenizerFile is ReadTokenizer of a file, or of the tokenizer.json of a folder.
func ReadTokenizerFile(path string) (Tokenizer, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, TokenizerFile)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("text: no tokenizer: %w", err)
	}
	defer f.Close()
	tok, err := ReadTokenizer(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tok, nil
}

// LoadOptions say how Load turns a source into tokens.
type LoadOptions struct {
	Options                                   // of sources that are text
	Tokenizer TokenizerConfig                 // for sources that are text
	Use       Tokenizer                       // a model's own, instead of Tokenizer; text prepared with another one is refused
	Progress  func(stage string, bytes int64) // may be nil: "learning" a tokenizer, then "tokenizing", and bytes of text done
}

// Load opens text for training and for measuring, whatever form it has: what Open reads is tokenized in memory, what PrepareFolder wrote (the
// folder, or the token file in it) is mapped, with its own tokenizer. Close the tokens after use.
func Load(ctx context.Context, path string, o LoadOptions) (*Tokens, Tokenizer, error) {
	if file, ok := preparedFile(path); ok {
		return loadPrepared(file, o.Use)
	}
	corpus, err := Open(path, o.Options)
	if err != nil {
		return nil, nil, err
	}
	defer corpus.Close()
	tok := o.Use
	if tok == nil {
		if tok, err = o.Tokenizer.Make(told(corpus.Documents(ctx), "learning", o.Progress)); err != nil {
			return nil, nil, err
		}
	}
	tokens, err := Tokenize(ctx, told(corpus.Documents(ctx), "tokenizing", o.Progress), tok)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return tokens, tok, nil
}

// told passes documents on and tells how many bytes went by.
func told(docs Documents, stage string, progress func(string, int64)) Documents {
	if progress == nil {
		return docs
	}
	return func(yield func(Document, error) bool) {
		done := int64(0)
		for d, err := range docs {
			done += int64(len(d.Text))
			progress(stage, done)
			if !yield(d, err) {
				return
			}
		}
	}
}

// IsPrepared says whether path is what PrepareFolder wrote: the folder, or the token file in it.
func IsPrepared(path string) bool {
	_, ok := preparedFile(path)
	return ok
}

// preparedFile finds the token file of a folder or recognises one by how it begins.
func preparedFile(path string) (string, bool) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, TokensFile)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	magic := make([]byte, len(tokensMagic))
	n, _ := f.Read(magic)
	return path, string(magic[:n]) == tokensMagic || filepath.Base(path) == TokensFile
}

func loadPrepared(file string, use Tokenizer) (*Tokens, Tokenizer, error) {
	tok := use
	if tok == nil {
		var err error
		tok, err = ReadTokenizerFile(filepath.Join(filepath.Dir(file), TokenizerFile))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("%w; a token file needs its tokenizer beside it: prepare the text again", err)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	tokens, err := OpenTokens(file)
	if err != nil {
		return nil, nil, err
	}
	if err := tokens.CheckTokenizer(tok); err != nil {
		return nil, nil, errors.Join(err, tokens.Close())
	}
	return tokens, tok, nil
}

// PrepareFolder makes a folder that Load opens at once: the documents as tokens in TokensFile, for OpenTokens, and the tokenizer in
// TokenizerFile. The token file is written last, so that a folder with one is complete. progress, if not nil, is told the bytes of text done.
func PrepareFolder(ctx context.Context, docs Documents, tok Tokenizer, dir string, progress func(bytes int64)) (Meta, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return Meta{}, fmt.Errorf("text: %w", err)
	}
	if err := os.Remove(filepath.Join(dir, TokensFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Meta{}, fmt.Errorf("text: %w", err)
	}
	if err := writeTokenizer(tok, filepath.Join(dir, TokenizerFile)); err != nil {
		return Meta{}, fmt.Errorf("text: writing the tokenizer: %w", err)
	}
	return Prepare(ctx, docs, tok, filepath.Join(dir, TokensFile), progress)
}

// writeTokenizer writes aside, then renames.
func writeTokenizer(tok Tokenizer, path string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	if err = tok.Write(f); err == nil {
		err = commit(f, path)
	}
	if err != nil {
		f.Close() // the first error says what happened
		os.Remove(f.Name())
	}
	return err
}
