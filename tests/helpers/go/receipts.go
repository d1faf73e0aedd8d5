package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	sign1Tag        = 18  // RFC 9052
	proofsHeader    = 396 // RFC 9942
	inclusionProofs = -1
)

// checkReceipt checks a COSE Receipt (RFC 9942) for a segment: its path leads to the root that the published tree has at
// the receipt's size, and the ledger's key signed that root.
func checkReceipt(question *Question) (map[string]any, error) {
	protected, encoded, signature, err := parseReceipt(question.Receipt)
	if err != nil {
		return nil, err
	}
	proof, err := decode(encoded)
	if err != nil {
		return nil, err
	}
	size, index, path, err := parsePath(proof)
	if err != nil {
		return nil, err
	}
	now, hashes, err := published(question)
	if err != nil {
		return nil, err
	}
	if size > now.N {
		return nil, fmt.Errorf("the receipt's tree of %d entries is ahead of the published %d", size, now.N)
	}
	root, err := tlog.TreeHash(size, hashes)
	if err != nil {
		return nil, err
	}
	if err := tlog.CheckRecord(path, size, root, index, tlog.RecordHash(question.Segment)); err != nil {
		return nil, err
	}
	if !ed25519.Verify(question.Key, signatureInput(protected, root[:]), signature) {
		return nil, errors.New("the ledger's key did not sign this receipt")
	}
	return map[string]any{"size": size, "index": index}, nil
}

func parseReceipt(data []byte) (protected, proof, signature []byte, err error) {
	expected := errors.New("a COSE_Sign1 with one inclusion proof and a detached payload was expected")
	item, err := decode(data)
	if err != nil {
		return nil, nil, nil, err
	}
	tagged, isTag := item.(tag)
	if !isTag || tagged.number != sign1Tag {
		return nil, nil, nil, expected
	}
	parts, isArray := tagged.content.([]any)
	if !isArray || len(parts) != 4 || parts[2] != nil {
		return nil, nil, nil, expected
	}
	protected, isBytes := parts[0].([]byte)
	signature, alsoBytes := parts[3].([]byte)
	header, isMap := parts[1].(map[any]any)
	if !isBytes || !alsoBytes || !isMap {
		return nil, nil, nil, expected
	}
	proofs, isMap := header[int64(proofsHeader)].(map[any]any)
	if !isMap {
		return nil, nil, nil, expected
	}
	list, isArray := proofs[int64(inclusionProofs)].([]any)
	if !isArray || len(list) != 1 {
		return nil, nil, nil, expected
	}
	proof, isBytes = list[0].([]byte)
	if !isBytes {
		return nil, nil, nil, expected
	}
	return protected, proof, signature, nil
}

func parsePath(item any) (size, index int64, path tlog.RecordProof, err error) {
	expected := errors.New("a size, an index and a path were expected")
	parts, isArray := item.([]any)
	if !isArray || len(parts) != 3 {
		return 0, 0, nil, expected
	}
	size, isInt := parts[0].(int64)
	index, alsoInt := parts[1].(int64)
	siblings, isArray := parts[2].([]any)
	if !isInt || !alsoInt || !isArray {
		return 0, 0, nil, expected
	}
	for _, sibling := range siblings {
		hash, isBytes := sibling.([]byte)
		if !isBytes || len(hash) != tlog.HashSize {
			return 0, 0, nil, expected
		}
		path = append(path, *(*tlog.Hash)(hash))
	}
	return size, index, path, nil
}

// signatureInput is the Sig_structure (RFC 9052 section 4.4) with no external data.
func signatureInput(protected, payload []byte) []byte {
	message := []byte("\x84\x6aSignature1")
	message = append(message, encodeBytes(protected)...)
	message = append(message, encodeBytes(nil)...)
	return append(message, encodeBytes(payload)...)
}
