package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// tiles reads the tiles of a published folder, as c2sp.org/tlog-tiles lays them out.
type tiles struct{ public string }

func (t tiles) Height() int                         { return tileHeight }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte)     {}
func (t tiles) path(tile tlog.Tile) string          { return filepath.Join(t.public, tilePath(tile)) }
func (t tiles) read(tile tlog.Tile) ([]byte, error) { return os.ReadFile(t.path(tile)) }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		data, err := t.read(tile)
		if os.IsNotExist(err) && tile.W < tileWidth {
			// Once a tile is full, its partial forms may go.
			full := tile
			full.W = tileWidth
			if data, err = t.read(full); err == nil {
				data = data[:tile.W*tlog.HashSize]
			}
		}
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

// tilePath is Go's without the height, which is 8 for everybody; level -1 are the entries.
func tilePath(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight))
	if tile.L < 0 {
		path = "entries/" + strings.TrimPrefix(path, "data/")
	}
	return "tile/" + path
}

// published is the head of a published folder, and its hashes, authenticated by that head.
func published(question *Question) (*head, tlog.HashReader, error) {
	message, err := os.ReadFile(filepath.Join(question.Public, "checkpoint"))
	if err != nil {
		return nil, nil, err
	}
	found, err := openHead(message, question)
	if err != nil {
		return nil, nil, err
	}
	return found, tlog.TileHashReader(found.Tree, tiles{question.Public}), nil
}

// checkGrew holds a head that was signed before against what is published.
func checkGrew(question *Question) (map[string]any, error) {
	before, err := openHead(question.Note, question)
	if err != nil {
		return nil, err
	}
	now, hashes, err := published(question)
	if err != nil {
		return nil, err
	}
	if before.origin != now.origin {
		return nil, fmt.Errorf("%s and %s are two logs", before.origin, now.origin)
	}
	if before.N > now.N {
		return nil, fmt.Errorf("the published tree of %d entries is behind one of %d", now.N, before.N)
	}
	proof, err := tlog.ProveTree(now.N, before.N, hashes)
	if err != nil {
		return nil, err
	}
	if err := tlog.CheckTree(proof, now.N, now.Hash, before.N, before.Hash); err != nil {
		return nil, fmt.Errorf("%d and %d entries are of two histories: %w", before.N, now.N, err)
	}
	return map[string]any{"before": before.N, "size": now.N}, nil
}

// checkLog checks everything that the published checkpoint commits to: each tile, full and partial, and each entry.
func checkLog(question *Question) (map[string]any, error) {
	now, hashes, err := published(question)
	if err != nil {
		return nil, err
	}
	counted := map[string]any{"size": now.N}
	root, err := tlog.TreeHash(now.N, hashes)
	if err != nil {
		return nil, err
	}
	if root != now.Hash {
		return nil, fmt.Errorf("the tiles lead to another root than the checkpoint's")
	}
	for level := 0; now.N>>(tileHeight*level) > 0; level++ {
		width := now.N >> (tileHeight * level)
		for number := int64(0); number*tileWidth < width; number++ {
			tile := tlog.Tile{H: tileHeight, L: level, N: number, W: int(min(tileWidth, width-number*tileWidth))}
			if err := checkTile(question.Public, tile, hashes); err != nil {
				return nil, err
			}
		}
	}
	for first := int64(0); first < now.N; first += tileWidth {
		if err := checkBundle(question, now, first, hashes); err != nil {
			return nil, err
		}
	}
	return counted, nil
}

// checkTile holds the file of a tile, and partial forms of it that are still there, against authenticated hashes.
func checkTile(public string, tile tlog.Tile, hashes tlog.HashReader) error {
	expected, err := tlog.ReadTileData(tile, hashes)
	if err != nil {
		return err
	}
	if data, err := (tiles{public}).read(tile); err != nil || !bytes.Equal(data, expected) {
		return fmt.Errorf("%s is not what its place says: %v", tilePath(tile), err)
	}
	return eachPartial(public, tile, func(width int, data []byte) error {
		if !bytes.Equal(data, expected[:width*tlog.HashSize]) {
			return fmt.Errorf("the partial tile of %d hashes of %s does not fit the tree", width, tilePath(tile))
		}
		return nil
	})
}

// eachPartial visits the partial forms of a tile or bundle that are not wider than the tree.
func eachPartial(public string, tile tlog.Tile, visit func(width int, data []byte) error) error {
	full := tile
	full.W = tileWidth
	folder := tiles{public}.path(full) + ".p"
	for width := 1; width <= tile.W; width++ {
		data, err := os.ReadFile(filepath.Join(folder, fmt.Sprint(width)))
		if os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = visit(width, data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkBundle checks the bundle whose first entry has that index: each entry by a proof of its own.
func checkBundle(question *Question, now *head, first int64, hashes tlog.HashReader) error {
	tile := tlog.Tile{H: tileHeight, L: -1, N: first / tileWidth, W: int(min(tileWidth, now.N-first))}
	data, err := tiles{question.Entries}.read(tile)
	if err != nil {
		return err
	}
	check := func(width int, data []byte) error {
		entries, err := split(data)
		if err != nil || len(entries) != width {
			return fmt.Errorf("%s of %d entries holds %d: %v", tilePath(tile), width, len(entries), err)
		}
		for at, entry := range entries {
			index := first + int64(at)
			proof, err := tlog.ProveRecord(now.N, index, hashes)
			if err == nil {
				err = tlog.CheckRecord(proof, now.N, now.Hash, index, tlog.RecordHash(entry))
			}
			if err != nil {
				return fmt.Errorf("entry %d: %w", index, err)
			}
		}
		return nil
	}
	if err := check(tile.W, data); err != nil {
		return err
	}
	return eachPartial(question.Entries, tile, check)
}

// split takes a bundle apart: before each entry stands its length, in two bytes.
func split(bundle []byte) ([][]byte, error) {
	var entries [][]byte
	for len(bundle) > 0 {
		if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
			return entries, fmt.Errorf("the last entry is cut off")
		}
		end := 2 + int(binary.BigEndian.Uint16(bundle))
		entries = append(entries, bundle[2:end])
		bundle = bundle[end:]
	}
	return entries, nil
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}
