// Package paging says which pages of a list a client may ask for.
package paging

import (
	"fmt"
	"slices"
	"strconv"
)

const (
	Longest = 100
	Default = 20
)

var Languages = []string{"nodejs", "python", "rust"}

// Size is the size of a page: a whole number from 1 to Longest.
func Size(text string) (int, error) {
	if text == "" {
		return Default, nil
	}
	size, err := strconv.Atoi(text)
	if err != nil || strconv.Itoa(size) != text || size < 1 || size > Longest {
		return 0, fmt.Errorf("a whole number from 1 to %d, not %q", Longest, text)
	}
	return size, nil
}

// Page is the size of a page of one language.
func Page(language, size string) (int, error) {
	if !slices.Contains(Languages, language) {
		return 0, fmt.Errorf("one of %v, not %q", Languages, language)
	}
	return Size(size)
}
