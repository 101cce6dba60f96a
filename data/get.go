package data

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Named is a data set that its authors publish.
type Named struct {
	Name    string
	From    string // where the publisher keeps it
	Files   []RemoteFile
	Classes []string // of sets whose files do not name them
	About   string
}

// RemoteFile is one file of a named set.
type RemoteFile struct {
	Name   string // also the last part of its address
	Size   int64
	SHA256 string
}

// NamedSets lists what Get knows.
func NamedSets() []Named {
	digits := strings.Fields("0 1 2 3 4 5 6 7 8 9")
	clothes := []string{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"}
	return []Named{
		{"cifar10", "https://www.cs.toronto.edu/~kriz/", []RemoteFile{
			{"cifar-10-binary.tar.gz", 170052171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
		}, nil, "60,000 colour pictures of 32 x 32 pixels in 10 classes (Krizhevsky 2009)"},
		{"cifar100", "https://www.cs.toronto.edu/~kriz/", []RemoteFile{
			{"cifar-100-binary.tar.gz", 168513733, "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"},
		}, nil, "60,000 colour pictures of 32 x 32 pixels in 100 classes (Krizhevsky 2009)"},
		{"mnist", "https://ossci-datasets.s3.amazonaws.com/mnist/", []RemoteFile{
			{"train-images-idx3-ubyte.gz", 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
			{"train-labels-idx1-ubyte.gz", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
			{"t10k-images-idx3-ubyte.gz", 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
			{"t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"},
		}, digits, "70,000 handwritten digits of 28 x 28 pixels (LeCun, Cortes and Burges)"},
		{"fashion-mnist", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", []RemoteFile{
			{"train-images-idx3-ubyte.gz", 26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"},
			{"train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"},
			{"t10k-images-idx3-ubyte.gz", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"},
			{"t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"},
		}, clothes, "70,000 pictures of clothes of 28 x 28 pixels (Xiao, Rasul and Vollgraf 2017)"},
	}
}

// GetOptions says where a set comes from.
type GetOptions struct {
	From     string                               // address of a folder, or a folder on disk, that holds the files instead of the publisher
	Client   *http.Client                         // default http.DefaultClient
	Progress func(file string, done, total int64) // told the bytes of a file that are there; may be nil
}

// Get puts the files of a named set into dir, which is made if need be, and returns what Open opens: the archive, or dir.
// A file that is there and has the right checksum is kept; one that broke off is gone on with. A file counts as there
// only after its checksum was compared.
func Get(ctx context.Context, name, dir string, o GetOptions) (string, error) {
	var names []string
	for _, n := range NamedSets() {
		if n.Name == name {
			return n.get(ctx, dir, o)
		}
		names = append(names, n.Name)
	}
	return "", fmt.Errorf("data: no set is called %q; there are %s", name, strings.Join(names, ", "))
}

func (n Named) get(ctx context.Context, dir string, o GetOptions) (string, error) {
	if o.From == "" {
		o.From = n.From
	}
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for _, f := range n.Files {
		if err := f.get(ctx, dir, o); err != nil {
			return "", fmt.Errorf("data: getting %s of %s: %w", f.Name, n.Name, err)
		}
	}
	if n.Classes == nil {
		return filepath.Join(dir, n.Files[0].Name), nil
	}
	return dir, os.WriteFile(filepath.Join(dir, classFile), []byte(strings.Join(n.Classes, "\n")+"\n"), 0o644)
}

func (f RemoteFile) get(ctx context.Context, dir string, o GetOptions) error {
	path := filepath.Join(dir, f.Name)
	if f.verify(path) == nil {
		return nil
	}
	part := path + ".part"
	if err := f.fetch(ctx, part, o); err != nil {
		return err
	}
	if err := f.verify(part); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncFolder(dir)
}

// verify compares size and checksum.
func (f RemoteFile) verify(path string) error {
	r, err := os.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return err
	}
	if sum := hex.EncodeToString(h.Sum(nil)); n != f.Size || sum != f.SHA256 {
		return fmt.Errorf("it has %d bytes with SHA-256 %s, expected %d with %s: the source is damaged or another version", n, sum, f.Size, f.SHA256)
	}
	return nil
}

// fetch completes the file part from an address or a folder, going on where it ends.
func (f RemoteFile) fetch(ctx context.Context, part string, o GetOptions) error {
	w, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	have, err := w.Seek(0, io.SeekEnd)
	if err == nil && have > f.Size {
		have, err = 0, w.Truncate(0)
	}
	if err == nil && have < f.Size {
		err = f.copyFrom(ctx, w, have, o)
	}
	return errors.Join(err, w.Sync(), w.Close())
}

func (f RemoteFile) copyFrom(ctx context.Context, w *os.File, have int64, o GetOptions) error {
	body, have, err := f.source(ctx, have, o)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := w.Truncate(have); err != nil {
		return err
	}
	if _, err := w.Seek(have, io.SeekStart); err != nil {
		return err
	}
	r := io.LimitReader(&contextReader{ctx, body}, f.Size-have+1)
	buf := make([]byte, 1<<18)
	for {
		n, err := r.Read(buf)
		if _, werr := w.Write(buf[:n]); werr != nil {
			return werr
		}
		have += int64(n)
		if o.Progress != nil {
			o.Progress(f.Name, have, f.Size)
		}
		if err == io.EOF && have < f.Size {
			return fmt.Errorf("it broke off after %d of %d bytes; run the same again to go on", have, f.Size)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("after %d of %d bytes: %w; run the same again to go on", have, f.Size, err)
		}
	}
}

// source opens the file at byte have, or at 0 where the server cannot; it returns which.
func (f RemoteFile) source(ctx context.Context, have int64, o GetOptions) (io.ReadCloser, int64, error) {
	if !strings.Contains(o.From, "://") {
		r, err := os.Open(filepath.Join(o.From, f.Name))
		return r, 0, err
	}
	address, err := url.JoinPath(o.From, f.Name)
	if err != nil {
		return nil, 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, err
	}
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	resp, err := o.Client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	switch {
	case resp.StatusCode == http.StatusPartialContent && strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)):
		return resp.Body, have, nil
	case resp.StatusCode == http.StatusOK:
		return resp.Body, 0, nil
	}
	resp.Body.Close()
	return nil, 0, fmt.Errorf("%s answers %s; another source can be given", address, resp.Status)
}
