"""Texts on which tokenizers easily differ: French typography, Unicode's two forms, rare scripts, blanks, odd signs."""

import unicodedata

# As well-set French has it: no-break spaces before high signs, ligatures, superscripts, apostrophes, capital accents.
FRENCH = [
    "« Bonjour\u00a0! », dit-il\u202f: «\u00a0pourquoi\u00a0?\u00a0»",
    "Œuvre, cœur, œil, Æsop, ex æquo, ÇA VA, À LA FIN, ÉTÉ, Ÿ",
    "L’été d’aujourd’hui n’est qu’un 'jour'.",
    "n°\u00a05, nº 6, 1ᵉʳ, 2ᵉ, 1re, Mᵐᵉ, M\u1d4dr, XXᵉ",
    "12\u202f345,50\u00a0€ – 20\u202f%\u00a0; 3 × 4 — fin…",
    "eﬃcace, ﬁn, ﬂeur, ﬀ, ﬃ, ﬄ",
    '"droits" “courbes” ‘simples’ „bas“ ‹ simples ›',
    unicodedata.normalize("NFD", "Élève à Noël, ça où, ÉTÉ, œuvre naïve, ambiguë"),
    "porte\u2011clés, co\u00adopérer, 10\u2009km, J.-C., etc... . . .",
]
UNICODE = [
    "👩🏽\u200d🚀 👍🏿 🇫🇷 ❤️ 😀😀 1️⃣",
    "हिन्दी क्षत्रिय, বাংলা কো, தமிழ் கொ",
    "日本語のテキスト。漢字、ひらがな",
    "한국어 문장",
    unicodedata.normalize("NFD", "한국어"),
    unicodedata.normalize("NFD", "Tiếng Việt được"),
    unicodedata.normalize("NFD", "ᾅδης ἄνθρωπος"),
    "العَرَبِيَّة שָׁלוֹם ภาษาไทย น้ำ",
    "𓀀𓀁 ☂☂ ☂ ᚠᛇᚻ 𐌰𐌱",
    "Ａ１ ① ½ ㎏ ² ﷺ ㍿ ⅷ ß ẞ ı",
    "z\u0300\u0301\u0302 ﬁ\u0301n e\u0301",
    "a\u200bb a\u200cb a\u200db a\u2060b \ufeffc",
    "x" * 300 + " " + "anticonstitutionnellement" * 10,
    "mot  mot   mot\tmot",
]
# The rest may be read in several ways by tokenizers that are right.
EDGES = [
    "",
    " ",
    "  deux  espaces ",
    "\tonglet\tdeux\t",
    "a\u00a0\u00a0b",
    "\u3000a\u2003b\u202f",
    "▁ a▁b ▁▁c",
    "▁",
    "a  ▁",
    "a\x01b\x7fc\x1fd\x08",
    "☂" * 50 + "é☂",
    "<s> </s>",
    "le</s>chat<pad>",
    "<unk><mask>",
    "<0x41> <0xE2>",
]
EVERY = [*FRENCH, *UNICODE, *EDGES]
