package shop;

import java.util.List;

/** Pages of a list: what a client may ask for. */
public final class Paging {
    public static final List<String> LANGUAGES = List.of("nodejs", "python", "rust");
    public static final int LONGEST = 100;
    public static final int DEFAULT = 20;

    private Paging() {}

    /** The size of a page: a whole number from 1 to LONGEST. */
    public static int size(String text) {
        if (text.isEmpty()) {
            return DEFAULT;
        }
        if (!text.matches("[0-9]{1,9}") || Integer.parseInt(text) < 1 || Integer.parseInt(text) > LONGEST) {
            throw new IllegalArgumentException("a whole number from 1 to " + LONGEST + ", not '" + text + "'");
        }
        return Integer.parseInt(text);
    }

    /** The size of a page of one language. */
    public static int page(String language, String size) {
        if (!LANGUAGES.contains(language)) {
            throw new IllegalArgumentException("one of " + LANGUAGES + ", not '" + language + "'");
        }
        return size(size);
    }
}
