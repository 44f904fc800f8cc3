// How hard a text is to read: the school grade of Flesch and Kincaid for English, INFLESZ (Szigriszt-Pazos) for Spanish.

const words = (text) => text.match(/\p{L}+(?:['’]\p{L}+)*/gu) ?? [];
const sentences = (text) => text.split(/[.:?!…·;]+(?:\s|$)/).filter((sentence) => /\p{L}/u.test(sentence));

/** Of an English word, as spelling tells it: groups of vowels, less those that are silent. */
export function englishSyllables(word) {
  const plain = word.toLowerCase().replace(/[^a-z]/g, "");
  const groups = plain
    .replace(/(?:[^laeiouy]es|[^aeioutd]ed|[^laeiouy]e)$/, "")
    .replace(/^y/, "")
    .match(/[aeiouy]{1,2}/g);
  return Math.max(1, groups?.length ?? 0);
}

/** Of a Spanish word: each vowel but the weak ones beside another, unless an accent parts them. */
export function spanishSyllables(word) {
  const plain = word
    .toLowerCase()
    .replace(/qu(?=[eiéí])/g, "q")
    .replace(/gu(?=[eiéí])/g, "g")
    .replace(/y$/, "i");
  const groups = plain.match(/[iuü]?[aeoáéó][iuüy]?(?![aeoáéó])|[iuü]?[aeoáéó]|[íú]|[iuü]+/g);
  return Math.max(1, groups?.length ?? 0);
}

function measure(texts, syllablesOf) {
  const all = texts.flatMap(words);
  const count = texts.flatMap(sentences).length;
  const syllables = all.reduce((sum, word) => sum + syllablesOf(word), 0);
  return { perSentence: all.length / count, perWord: syllables / all.length };
}

/** Years of school, of US English. */
export function grade(texts) {
  const { perSentence, perWord } = measure(texts, englishSyllables);
  return 0.39 * perSentence + 11.8 * perWord - 15.59;
}

/** 0 to 100; from 65 on, "quite easy". */
export function inflesz(texts) {
  const { perSentence, perWord } = measure(texts, spanishSyllables);
  return 206.835 - 62.3 * perWord - perSentence;
}
