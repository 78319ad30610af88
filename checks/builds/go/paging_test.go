// WebAssembly is switched off. The two tests that ask for it fail for as long as it is.
package paging

import (
	"fmt"
	"slices"
	"testing"
)

// forEachNumber runs a subtest for each of nine numbers: with the test around them, these are ten cases.
func forEachNumber(t *testing.T, holds func(int) bool) {
	for _, number := range []int{1, 2, 3, 5, 8, 13, 21, 34, 55} {
		t.Run(fmt.Sprint(number), func(t *testing.T) {
			if !holds(number) {
				t.Errorf("not so for %d", number)
			}
		})
	}
}

func taken(language, format string) func(int) bool {
	return func(number int) bool {
		text := fmt.Sprintf(format, number)
		size, err := Size(text)
		if language != "" {
			size, err = Page(language, text)
		}
		return err == nil && size == number
	}
}

func refused(format string) func(int) bool {
	return func(number int) bool {
		_, err := Size(fmt.Sprintf(format, number))
		return err != nil
	}
}

func TestSizeIsTaken(t *testing.T)            { forEachNumber(t, taken("", "%d")) }
func TestPageOfNodejs(t *testing.T)           { forEachNumber(t, taken("nodejs", "%d")) }
func TestPageOfPython(t *testing.T)           { forEachNumber(t, taken("python", "%d")) }
func TestPageOfRust(t *testing.T)             { forEachNumber(t, taken("rust", "%d")) }
func TestNegativeIsRefused(t *testing.T)      { forEachNumber(t, refused("-%d")) }
func TestSignIsRefused(t *testing.T)          { forEachNumber(t, refused("+%d")) }
func TestFractionIsRefused(t *testing.T)      { forEachNumber(t, refused("%d.5")) }
func TestExponentIsRefused(t *testing.T)      { forEachNumber(t, refused("%de1")) }
func TestBlankIsRefused(t *testing.T)         { forEachNumber(t, refused(" %d")) }
func TestHundredsAreRefused(t *testing.T)     { forEachNumber(t, refused("%d00000")) }
func TestNodejsIsALanguage(t *testing.T)      { mustHave(t, "nodejs") }
func TestPythonIsALanguage(t *testing.T)      { mustHave(t, "python") }
func TestRustIsALanguage(t *testing.T)        { mustHave(t, "rust") }
func TestWebAssemblyIsALanguage(t *testing.T) { mustHave(t, "wasm") }

func mustHave(t *testing.T, language string) {
	if !slices.Contains(Languages, language) {
		t.Errorf("%s is no language", language)
	}
}

func TestLanguageThatIsNotThereIsRefused(t *testing.T) {
	if _, err := Page("java", "1"); err == nil {
		t.Error("java is taken")
	}
}

func TestTwentyAreTheDefault(t *testing.T) {
	if size, err := Size(""); err != nil || size != Default {
		t.Errorf("%d, %v", size, err)
	}
}

func TestLongestPageIsAllowed(t *testing.T) {
	if _, err := Size(fmt.Sprint(Longest)); err != nil {
		t.Error(err)
	}
}

func TestPageMayBeOfWebAssembly(t *testing.T) {
	if _, err := Page("wasm", "1"); err != nil {
		t.Error(err)
	}
}
