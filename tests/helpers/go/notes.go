package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	cosignatureKind  = 4 // c2sp.org/tlog-cosignature, which note does not know
	cosignatureBytes = 8 + ed25519.SignatureSize
)

// A cosigner verifies timestamped cosignatures, and remembers the time of the last.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
	time uint64
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }

func (c *cosigner) Verify(text, signature []byte) bool {
	if len(signature) != cosignatureBytes {
		return false
	}
	c.time = binary.BigEndian.Uint64(signature)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", c.time, text)
	return ed25519.Verify(c.key, []byte(message), signature[8:])
}

func newCosigner(text string) (*cosigner, error) {
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("a key of three parts was expected")
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != cosignatureKind {
		return nil, errors.New("a witness's key was expected")
	}
	digest := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	hash := binary.BigEndian.Uint32(digest[:4])
	if fmt.Sprintf("%08x", hash) != parts[1] {
		return nil, errors.New("the key's id is not its own")
	}
	return &cosigner{name: parts[0], hash: hash, key: ed25519.PublicKey(key[1:])}, nil
}

// head is a signed tree head, with who signed it.
type head struct {
	tlog.Tree
	origin     string
	signers    []string
	cosigners  map[string]uint64
	unverified []string
}

// openHead opens a checkpoint that one of the log's keys signed; what others signed counts beside.
func openHead(message []byte, question *Question) (*head, error) {
	own := map[string]bool{}
	var verifiers []note.Verifier
	for _, text := range question.Keys {
		verifier, err := note.NewVerifier(text)
		if err != nil {
			return nil, err
		}
		own[verifier.Name()] = true
		verifiers = append(verifiers, verifier)
	}
	witnesses := map[string]*cosigner{}
	for _, text := range question.Others {
		witness, err := newCosigner(text)
		if err != nil {
			return nil, err
		}
		witnesses[witness.name] = witness
		verifiers = append(verifiers, witness)
	}
	opened, err := note.Open(message, note.VerifierList(verifiers...))
	if err != nil {
		return nil, err
	}
	found, err := parseHead(opened.Text)
	if err != nil {
		return nil, err
	}
	for _, signature := range opened.Sigs {
		if witness := witnesses[signature.Name]; witness != nil && witness.hash == signature.Hash {
			found.cosigners[signature.Name] = witness.time
		} else {
			found.signers = append(found.signers, signature.Name)
		}
	}
	for _, signature := range opened.UnverifiedSigs {
		found.unverified = append(found.unverified, signature.Name)
	}
	if len(found.signers) == 0 || !own[found.origin] {
		return nil, errors.New("the log itself did not sign this")
	}
	return found, nil
}

func parseHead(text string) (*head, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[len(lines)-1] != "" {
		return nil, errors.New("a checkpoint of three lines was expected")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != lines[1] || size < 0 {
		return nil, fmt.Errorf("%q is no size", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return nil, err
	}
	return &head{Tree: tlog.Tree{N: size, Hash: root}, origin: lines[0], cosigners: map[string]uint64{}}, nil
}

func openNote(question *Question) (map[string]any, error) {
	found, err := openHead(question.Note, question)
	if err != nil {
		return nil, err
	}
	return found.facts(), nil
}

func (h *head) facts() map[string]any {
	return map[string]any{
		"origin": h.origin, "size": h.N, "root": h.Hash[:], "signers": h.signers, "cosigners": h.cosigners,
		"unverified": h.unverified,
	}
}
