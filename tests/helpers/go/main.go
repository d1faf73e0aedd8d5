// Checks of a log by another implementation than the one under test: Go's golang.org/x/mod/sumdb, note and tlog.
//
// Reads questions from standard input, each a JSON object on a line of its own, and answers each with one. "refused" in
// an answer says why something is not as it must be; "facts" are what was found where everything is.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// Question is what may be asked. Which fields count depends on Do. Bytes are in base64.
type Question struct {
	Do      string   `json:"do"`
	Keys    []string `json:"keys"`    // the log's, as verifier keys (c2sp.org/signed-note)
	Others  []string `json:"others"`  // witnesses'
	Public  string   `json:"public"`  // the folder with the checkpoint and the tiles
	Entries string   `json:"entries"` // the folder with tile/entries
	Note    []byte   `json:"note"`
	Proof   []byte   `json:"proof"`
	Receipt []byte   `json:"receipt"`
	Segment []byte   `json:"segment"`
	Key     []byte   `json:"key"` // the public key that signs receipts
}

// Answer is what is found.
type Answer struct {
	Refused string         `json:"refused,omitempty"`
	Facts   map[string]any `json:"facts,omitempty"`
}

var checks = map[string]func(*Question) (map[string]any, error){
	"open":    openNote,
	"log":     checkLog,
	"grew":    checkGrew,
	"proof":   checkProof,
	"receipt": checkReceipt,
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		if err := answers.Encode(answer(line)); err != nil {
			return
		}
	}
}

func answer(line []byte) (found Answer) {
	defer func() {
		if trouble := recover(); trouble != nil {
			found = Answer{Refused: fmt.Sprint("panic: ", trouble)}
		}
	}()
	var question Question
	if err := json.Unmarshal(line, &question); err != nil {
		return Answer{Refused: err.Error()}
	}
	check, known := checks[question.Do]
	if !known {
		return Answer{Refused: "nobody can answer " + question.Do}
	}
	facts, err := check(&question)
	if err != nil {
		return Answer{Refused: err.Error()}
	}
	return Answer{Facts: facts}
}
