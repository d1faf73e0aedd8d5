package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const proofFormat = "c2sp.org/tlog-proof@v1"

// checkProof checks a proof that stands by itself (c2sp.org/tlog-proof); its extra data is the entry.
func checkProof(question *Question) (map[string]any, error) {
	body, message, found := bytes.Cut(question.Proof, []byte("\n\n"))
	lines := strings.Split(string(body), "\n")
	if !found || len(lines) < 3 || lines[0] != proofFormat {
		return nil, errors.New("a tlog-proof was expected")
	}
	entry, err := base64Of(lines[1], "extra ")
	if err != nil {
		return nil, err
	}
	digits := strings.TrimPrefix(lines[2], "index ")
	index, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || "index "+digits != lines[2] || strconv.FormatInt(index, 10) != digits {
		return nil, fmt.Errorf("%q is no index", lines[2])
	}
	var path tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		path = append(path, hash)
	}
	signed, err := openHead(message, question)
	if err != nil {
		return nil, err
	}
	if err := tlog.CheckRecord(path, signed.N, signed.Hash, index, tlog.RecordHash(entry)); err != nil {
		return nil, err
	}
	facts := signed.facts()
	digest := sha256.Sum256(entry)
	facts["index"], facts["sha256"] = index, digest[:]
	return facts, nil
}

func base64Of(line, prefix string) ([]byte, error) {
	text := strings.TrimPrefix(line, prefix)
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || prefix+text != line {
		return nil, fmt.Errorf("%q is no %s", line, prefix)
	}
	return data, nil
}
