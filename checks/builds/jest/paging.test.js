'use strict'
// WebAssembly is switched off. The two tests that ask for it fail for as long as it is.

const { DEFAULT, LANGUAGES, LONGEST, page, size } = require('./paging')

const NUMBERS = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89]
const REFUSED = ['-%d', '+%d', '%d.5', '%de1', ' %d', '%d00000']

describe('sizes', () => {
  test.each(NUMBERS)('%d is taken', (number) => expect(size(`${number}`)).toBe(number))
  test('twenty are the default', () => expect(size('')).toBe(DEFAULT))
  test('the longest is allowed', () => expect(size(`${LONGEST}`)).toBe(LONGEST))
})

describe.each(['nodejs', 'python', 'rust'])('pages of %s', (language) => {
  test('it is a language', () => expect(LANGUAGES).toContain(language))
  test.each(NUMBERS)('%d', (number) => expect(page(language, `${number}`)).toEqual({ language, size: number }))
})

describe.each(REFUSED)('refused as "%s"', (format) => {
  test.each(NUMBERS)('with %i', (number) => expect(() => size(format.replace('%d', number))).toThrow(RangeError))
})

describe('languages', () => {
  test('one that is not there is refused', () => expect(() => page('java', '1')).toThrow(RangeError))
  test('WebAssembly is one', () => expect(LANGUAGES).toContain('wasm'))
  test('a page may be of WebAssembly', () => expect(page('wasm', '1').language).toBe('wasm'))
})
