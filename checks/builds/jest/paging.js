'use strict'
// Pages of a list: what a client may ask for.

const LANGUAGES = ['nodejs', 'python', 'rust']
const LONGEST = 100
const DEFAULT = 20

/** The size of a page: a whole number from 1 to LONGEST. */
function size (text) {
  if (text === '') return DEFAULT
  const number = Number(text)
  if (!/^[0-9]+$/.test(text) || number < 1 || number > LONGEST) {
    throw new RangeError(`a whole number from 1 to ${LONGEST}, not '${text}'`)
  }
  return number
}

/** The language and the size of a page. */
function page (language, sizeText) {
  if (!LANGUAGES.includes(language)) throw new RangeError(`one of ${LANGUAGES}, not '${language}'`)
  return { language, size: size(sizeText) }
}

module.exports = { DEFAULT, LANGUAGES, LONGEST, page, size }
