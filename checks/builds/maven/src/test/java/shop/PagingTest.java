package shop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** WebAssembly is switched off. The two tests that ask for it fail for as long as it is. */
class PagingTest {
    private static void refused(String text) {
        assertThrows(IllegalArgumentException.class, () -> Paging.size(text));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89})
    void sizeIsTaken(int number) {
        assertEquals(number, Paging.size("" + number));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89})
    void pageOfNodejs(int number) {
        assertEquals(number, Paging.page("nodejs", "" + number));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89})
    void pageOfPython(int number) {
        assertEquals(number, Paging.page("python", "" + number));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89})
    void pageOfRust(int number) {
        assertEquals(number, Paging.page("rust", "" + number));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89})
    void negativeIsRefused(int number) {
        refused("-" + number);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89})
    void signIsRefused(int number) {
        refused("+" + number);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89})
    void fractionIsRefused(int number) {
        refused(number + ".5");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89})
    void exponentIsRefused(int number) {
        refused(number + "e1");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89})
    void blankIsRefused(int number) {
        refused(" " + number);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89})
    void moreThanTheLongestIsRefused(int number) {
        refused("" + (Paging.LONGEST + number));
    }

    @ParameterizedTest
    @ValueSource(strings = {"nodejs", "python", "rust"})
    void isALanguage(String language) {
        assertTrue(Paging.LANGUAGES.contains(language));
    }

    @Test
    void languageThatIsNotThereIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> Paging.page("java", "1"));
    }

    @Test
    void twentyAreTheDefault() {
        assertEquals(Paging.DEFAULT, Paging.size(""));
    }

    @Test
    void longestPageIsAllowed() {
        assertEquals(Paging.LONGEST, Paging.size("" + Paging.LONGEST));
    }

    @Test
    void webAssemblyIsALanguage() {
        assertTrue(Paging.LANGUAGES.contains("wasm"));
    }

    @Test
    void pageMayBeOfWebAssembly() {
        assertEquals(1, Paging.page("wasm", "1"));
    }
}
