package main

import (
	"encoding/binary"
	"errors"
	"math"
)

// As much of CBOR (RFC 8949) as a receipt has: integers, byte strings, text, arrays, maps, tags and null.

const (
	depthMax = 8
	null     = 0xf6
)

var errNotCBOR = errors.New("CBOR was expected")

type tag struct {
	number  uint64
	content any
}

func decode(data []byte) (any, error) {
	item, rest, err := decodeItem(data, 0)
	if err == nil && len(rest) > 0 {
		err = errNotCBOR
	}
	return item, err
}

func decodeItem(data []byte, depth int) (any, []byte, error) {
	if len(data) == 0 || depth > depthMax {
		return nil, nil, errNotCBOR
	}
	if data[0] == null {
		return nil, data[1:], nil
	}
	major, value, data, err := decodeHead(data)
	if err != nil {
		return nil, nil, err
	}
	switch major {
	case 0:
		return int64(value), data, nil
	case 1:
		return -1 - int64(value), data, nil
	case 2, 3:
		if value > uint64(len(data)) {
			return nil, nil, errNotCBOR
		}
		content, rest := data[:value], data[value:]
		if major == 3 {
			return string(content), rest, nil
		}
		return content, rest, nil
	case 4:
		return decodeArray(data, value, depth)
	case 5:
		return decodeMap(data, value, depth)
	case 6:
		content, rest, err := decodeItem(data, depth+1)
		return tag{value, content}, rest, err
	}
	return nil, nil, errNotCBOR
}

func decodeArray(data []byte, count uint64, depth int) (any, []byte, error) {
	items := []any{}
	for ; count > 0; count-- {
		item, rest, err := decodeItem(data, depth+1)
		if err != nil {
			return nil, nil, err
		}
		items, data = append(items, item), rest
	}
	return items, data, nil
}

func decodeMap(data []byte, count uint64, depth int) (any, []byte, error) {
	pairs := map[any]any{}
	for ; count > 0; count-- {
		key, rest, err := decodeItem(data, depth+1)
		if err != nil {
			return nil, nil, err
		}
		if _, isInt := key.(int64); !isInt {
			return nil, nil, errNotCBOR
		}
		value, rest, err := decodeItem(rest, depth+1)
		if err != nil {
			return nil, nil, err
		}
		pairs[key], data = value, rest
	}
	return pairs, data, nil
}

// decodeHead gives an item's major type, its value or length, and what follows.
func decodeHead(data []byte) (byte, uint64, []byte, error) {
	major, short := data[0]>>5, data[0]&31
	if short < 24 {
		return major, uint64(short), data[1:], nil
	}
	if short > 27 || len(data) < 1+1<<(short-24) {
		return 0, 0, nil, errNotCBOR
	}
	width := 1 << (short - 24)
	var wide [8]byte
	copy(wide[8-width:], data[1:1+width])
	value := binary.BigEndian.Uint64(wide[:])
	if value > math.MaxInt64 {
		return 0, 0, nil, errNotCBOR
	}
	return major, value, data[1+width:], nil
}

func encodeBytes(content []byte) []byte {
	length := len(content)
	switch {
	case length < 24:
		return append([]byte{0x40 | byte(length)}, content...)
	case length < 1<<8:
		return append([]byte{0x58, byte(length)}, content...)
	}
	return append([]byte{0x59, byte(length >> 8), byte(length)}, content...)
}
