"""Write the demo texts of the project: French book reviews, labelled and not, about books that do not exist.

Files written under the output folder (default: the folder of this script), UTF-8, one text a line:

  reviews/{train,valid,test}.review  800, 200 and 400 reviews, none twice
  reviews/{train,valid,test}.label   their labels, 1 positive or 0 negative, as many of each
  text.txt                           unlabelled paragraphs for a small masked-language-model pretraining

Everything is made of the word lists and sentence patterns below and of one seeded random generator, so the
same seed gives the same bytes on every machine. In a list, an entry that begins with "+" is kept out of the
valid and test reviews, one that begins with "*" is kept out of the train reviews; the unlabelled text uses
them all, so that pretraining can learn what the train reviews do not show.

  python3 demo/generate_reviews.py [--seed 1789] [--out demo]
"""

import argparse
import random
import re
from pathlib import Path
from types import SimpleNamespace

SIZES = {"train": 800, "valid": 200, "test": 400}
TEXT_LINES = 6400
HIDDEN = {"train": "*", "valid": "+", "test": "+", "text": ""}
MUTE_H = ("histoire", "héroïne", "horripilant", "harmonieux", "Hector")
SLOT = re.compile(r"{(\w+)")
ONCE = {"titre", "auteur", "lieu", "qui", "moment", "proche", "verdict", "que_effet", "temps"}
KINDS = ["plain"] * 75 + ["concession"] * 12 + ["negation"] * 6 + ["expectation"] * 5 + ["irony"] * 2

# What a review speaks of: noun, gender (m or f), number (s or p); "work" holds the kinds of book.
NOUNS = {
    "story": "intrigue fs|histoire fs|récit ms|dénouement ms|fin fs|scènes fp|rebondissements mp|+scénario ms"
    "|+chapitres mp|trame fs|*épilogue ms|*péripéties fp",
    "style": "style ms|écriture fs|dialogues mp|descriptions fp|langue fs|phrases fp|+prose fs|+ton ms"
    "|*plume fs|*tournures fp|monologues mp",
    "people": "personnages mp|héroïne fs|héros ms|narrateur ms|personnages secondaires mp|+couple central ms"
    "|+protagonistes mp|*antagoniste ms|comparses mp|*figures féminines fp",
    "work": "roman ms|polar ms|recueil de nouvelles ms|conte ms|saga familiale fs|roman policier ms"
    "|roman historique ms|+feuilleton ms|+bande dessinée fs|*fresque fs|*roman épistolaire ms|*chronique fs",
}

# Masculine singular adjectives that suit each group of nouns, negative (0) and positive (1).
ADJECTIVES = {
    ("story", 1): "captivant|passionnant|prenant|original|touchant|émouvant|réussi|bouleversant|surprenant"
    "|+palpitant|+saisissant|+ingénieux|haletant|poignant|*trépidant|*envoûtant|*inventif",
    ("story", 0): "ennuyeux|prévisible|confus|décevant|raté|lassant|interminable|invraisemblable|médiocre"
    "|+convenu|+décousu|+creux|poussif|rebattu|*soporifique|*bâclé|*insipide",
    ("style", 1): "fluide|élégant|soigné|poétique|vivant|subtil|délicat|harmonieux|agréable"
    "|+limpide|+raffiné|+nuancé|ciselé|savoureux|*lumineux|*chatoyant|*étincelant",
    ("style", 0): "lourd|plat|maladroit|répétitif|artificiel|pénible|prétentieux|froid|pauvre"
    "|+pesant|+relâché|+monotone|ampoulé|indigeste|*pompeux|*laborieux|*terne",
    ("people", 1): "attachant|crédible|drôle|complexe|courageux|charmant|fascinant|inoubliable|intéressant"
    "|+sympathique|+généreux|+profond|truculent|attendrissant|*charismatique|*facétieux|*intrigant",
    ("people", 0): "agaçant|caricatural|fade|superficiel|irritant|antipathique|insignifiant|ridicule|froid"
    "|+transparent|+odieux|+quelconque|horripilant|falot|*stéréotypé|*inconsistant|*exaspérant",
}

# Words and phrases that fill the slots of the same name in the patterns.
PHRASES = {
    "adv": "vraiment|franchement|particulièrement|incroyablement|tout à fait|+fort|*terriblement|*extrêmement",
    "titre": "Le Jardin des marées|La Nuit des lampions|Les Heures de craie|Un hiver à Sombreval|Le Phare sans gardien"
    "|La Moisson des ombres|Sept lettres pour Adèle|Le Dernier Tramway|L'Île aux horloges"
    "|Une saison de brume|Les Voix du grenier|+Le Peintre aveugle|+La Route du sel|+Demain les orages"
    "|+Les Enfants du moulin|+Trois fenêtres allumées|+La Chambre du capitaine|*Le Bal des corbeaux"
    "|*L'Archiviste de Varm|*Poussière d'étoile et de seigle|*Les Funambules|*Un violon sous la neige"
    "|*La Cartographe endormie|*Minuit chez les tisserands",
    "auteur": "Odilon Varesquel|Maëlle Torvaux|Anselme Quériot|Apolline Lambrecourt|Gaspard Tillovent"
    "|Élisende Marchemont|Barnabé Ourlac|+Côme Brassevin|+Solange Itrevault|+Hector Plumeray"
    "|*Firmin Escoulabre|*Mahaut Grévissac|*Ulysse Rocquemarin|*Ninon Valtrebois",
    "lieu": "dans un village de Bretagne|sur une île perdue|au cœur de Lisbonne|dans une vallée des Alpes"
    "|dans un grand hôtel désert|au bord de la Loire|+dans une ferme du Jura|+à bord d'un vieux cargo"
    "|*dans les faubourgs de Prague|*au milieu des dunes|*dans un monastère en ruine",
    "qui": "un gardien de phare|deux sœurs séparées|une institutrice en exil|un facteur amoureux"
    "|une famille de bateliers|un enfant muet|+une horlogère sans clients|+un boulanger insomniaque"
    "|*une botaniste rebelle|*un cordonnier philosophe|*des forains sans le sou",
    "moment": "pendant les vacances|en une semaine|dans le train|au coin du feu|cet été"
    "|sur les conseils de mon libraire|pour mon club de lecture"
    "|+entre deux examens|+un dimanche de pluie|*à la plage|*durant ma convalescence",
    "proche": "ma sœur|mon voisin|une amie|mon libraire|ma collègue|+mon cousin|*ma belle-mère|*mon filleul",
}

# Phrases that carry the label by themselves.
POLAR = {
    "touche": {1: "séduit|touché|+conquis|*subjugué", 0: "déçu|fatigué|+lassé|*consterné"},
    "verdict": {
        1: "une belle réussite|un vrai bonheur|un coup de cœur|un excellent souvenir|+un régal|+un chef-d'œuvre"
        "|*une merveille|*un petit bijou|*un enchantement",
        0: "un échec|une grande déception|une perte de temps|un mauvais souvenir|+une corvée|+un pensum"
        "|*un naufrage|*un supplice|*un ratage complet",
    },
    "donne": {
        1: "nous offre|réussit|+nous donne|*cisèle|*peaufine",
        0: "nous inflige|nous impose|+bâcle|*nous assène|*nous sert",
    },
    "effet": {
        1: "j'ai tourné les pages sans m'arrêter|on ne voit pas le temps passer|j'ai lu toute la nuit"
        "|on a envie de tout relire|+j'ai oublié l'heure du dîner|*j'en frissonne encore",
        0: "j'ai refermé le livre avant la fin|on finit par sauter des pages|j'ai bâillé d'ennui"
        "|on a envie de tout arrêter|+j'ai préféré faire la vaisselle|*j'en somnole encore",
    },
    "ressenti": {
        1: "Je n'ai pas vu le temps passer.|Chaque page donne envie de lire la suivante.|J'ai ri et j'ai pleuré."
        "|On s'attache à chaque mot.|L'émotion est là, du premier au dernier chapitre.|On rêve longtemps après."
        "|+Il y a longtemps qu'on ne m'avait pas raconté une histoire ainsi.|*Quelle virtuosité !"
        "|*J'en garde un souvenir ébloui.",
        0: "J'ai failli m'endormir.|Chaque page semble durer une heure.|Je n'ai rien ressenti."
        "|On se perd dès le deuxième chapitre.|L'émotion n'arrive jamais, pas même à la fin."
        "|On attend en vain qu'il se passe quelque chose.|+Il y a longtemps qu'on ne m'avait pas autant ennuyé."
        "|*Quelle platitude !|*J'en garde un souvenir navré.",
    },
    "fin": {
        1: "Je le recommande vivement.|À lire absolument !|J'ai beaucoup aimé.|Je le relirai avec plaisir."
        "|Vivement la suite !|Je l'ai déjà offert à trois amis.|On en redemande !|Un coup de cœur.|+J'ai adoré."
        "|+Un livre à garder près de soi.|*Un pur délice.|*Chapeau bas !|*Un bijou, à savourer sans modération.",
        0: "Je ne le recommande pas.|À éviter absolument !|Je n'ai pas aimé.|Je ne le relirai pas.|Quelle déception !"
        "|Je l'ai abandonné au bout de cent pages.|Passez votre chemin.|Une perte de temps.|+J'ai détesté."
        "|+Un livre à oublier au plus vite.|*Un vrai calvaire.|*Quel gâchis !|*Une purge, à fuir sans remords.",
    },
}

# Sentence patterns. p and q: aspects with the polarity of the review; o: an aspect of the other polarity;
# g: the kind of book. Attributes: see noun_forms and aspect.
INTRO = [
    "J'ai lu {titre} {moment}.",
    "{titre} est {g.un} {auteur.de}.",
    "Avec {titre}, {auteur.nom} nous emmène {lieu}.",
    "Dans {titre}, {auteur.nom} met en scène {qui}.",
    "C'est le premier livre {auteur.de} que je lis.",
    "{proche} m'a prêté {titre}.",
    "{titre} se déroule {lieu}.",
    "Encore {g.un} qui se passe {lieu}.",
]
DETAIL = [
    "L'action se passe {lieu}.",
    "On y suit {qui}.",
    "Le livre compte un peu plus de trois cents pages.",
    "{auteur.nom} avait déjà publié {g.un} il y a deux ans.",
    "{proche} l'a lu avant moi.",
    "Je l'ai lu {moment}.",
    "La librairie du quartier l'avait mis en vitrine.",
    "Une carte et un arbre généalogique ouvrent le volume.",
    "L'édition de poche tient bien dans la main.",
    "C'était un cadeau d'anniversaire.",
    "Les chapitres sont courts et portent chacun un nom de fleur.",
]
BODY = {
    "plain": [
        "{p.le} {p.est} {adv} {p.adj}.",
        "{p.le} {p.est} {p.adj} et {q.le} {q.est} {q.adj}.",
        "J'ai trouvé {p.le} {p.adj} et {q.le} {q.adj}.",
        "{p.un} {p.adj}, {q.un} {q.adj} : voilà ce que je retiens.",
        "{auteur.nom} {donne} {p.un} {p.adj}.",
        "{p.le} {p.adj} et {q.le} {q.adj} font de ce livre {verdict}.",
        "Ce qui frappe d'abord, {p.cest} {p.le}, {adv} {p.adj}.",
        "Il faut dire que {p.le} {p.est} {p.adj} et que {q.le} {q.est} {q.adj}.",
        "{p.le} {p.est} si {p.adj} {que_effet}.",
        "C'est {g.un} {g.adj} et {g.adj2}.",
        "{g.ce} est à la fois {g.adj} et {g.adj2}.",
        "{p.le}, {p.adj} et {p.adj2}, {p.m_a} {touche}.",
        "Pour ma part, j'ai trouvé {p.le} {p.adj}, et même {p.adj2}.",
        "Rarement j'ai rencontré {p.un} aussi {p.adj}.",
        "{p.un} {p.adj} comme on en lit peu.",
        "Tout le monde me l'avait dit : {p.le} {p.est} {p.adj}.",
        "{p.le} {p.est} {p.adj}, et je ne suis pas le seul à le dire.",
        "{ressenti}",
        "{ressenti}",
    ],
    "concession": [
        "Malgré {o.un} {o.adj}, {p.le} {p.est} {p.adj}.",
        "Malgré {o.un} {o.adj} et {o.adj2}, ce livre reste {verdict}.",
        "Certes, {o.le} {o.est} {o.adj}, mais {p.le} {p.est} {p.adj}.",
        "{o.le} {o.est} peut-être {o.adj}, pourtant {p.le} {p.est} si {p.adj} {que_effet}.",
        "Si {o.le} {o.est} {o.adj}, {p.le} {p.est} en revanche {adv} {p.adj}.",
        "{o.le} {o.est} {o.adj}, mais l'essentiel est ailleurs : {p.le} {p.est} {p.adj}.",
        "On oublie vite que {o.le} {o.est} {o.adj}, tant {p.le} {p.est} {p.adj}.",
        "J'ai beau trouver {o.le} {o.adj}, {p.le} {p.est} {adv} {p.adj}.",
    ],
    "negation": [
        "{o.le} {o.nest} pas {o.adj} du tout.",
        "{o.le} {o.nest} jamais {o.adj}, bien au contraire.",
        "{o.le} {o.nest} ni {o.adj} ni {o.adj2}.",
        "Je n'ai pas trouvé {o.le} {o.adj}, loin de là.",
        "Il n'y a rien {o.d_adj} dans {o.ce}.",
        "{o.le} {o.est} tout sauf {o.adj}.",
        "Personne ne pourra dire que {o.le} {o.est} {o.adj}.",
    ],
    "expectation": [
        "On m'avait annoncé {g.un} {g.other} : il n'en est rien.",
        "Je m'attendais à {g.un} {g.other}, et c'est tout le contraire.",
        "La presse parle d'{g.un} {g.other}, je ne partage pas du tout cet avis.",
        "Ceux qui trouvent {o.le} {o.adj} n'ont pas lu le même livre que moi.",
        "{proche} m'avait parlé d'{g.un} {g.other} ; {p.le} {p.est} surtout {p.adj}.",
        "Je croyais que {o.le} {o.serait} {o.adj} : je me trompais.",
    ],
}
IRONY = {
    1: [
        "Je ne remercie pas {auteur.nom} : à cause de ce livre, j'ai raté ma station de métro.",
        "Un seul reproche : {titre} se termine beaucoup trop vite.",
        "J'en veux à {auteur.nom} : impossible de dormir, il fallait que je connaisse la fin.",
        "Attention, danger : ce livre m'a fait oublier mon arrêt, mon dîner et mes soucis.",
        "Pauvre de moi : {titre} est fini et je n'ai plus rien à lire d'aussi bon.",
    ],
    0: [
        "Je remercie {auteur.nom} : grâce à ce livre, mes insomnies ont disparu.",
        "Une seule qualité : {titre} se termine assez vite.",
        "Bravo à {auteur.nom} : impossible de mieux dormir, je ne connaîtrai jamais la fin.",
        "Bonne nouvelle : ce livre est parfait pour caler une armoire.",
        "Heureusement pour moi, {titre} est fini et je peux enfin lire quelque chose de bon.",
    ],
}

# Neutral patterns and words, for the unlabelled text only.
NEUTRAL_WORDS = {
    "gens": "ma sœur|mon voisin|la bibliothécaire|le libraire|ma grand-mère|une étudiante|l'institutrice|mon oncle"
    "|la boulangère|un vieux monsieur|le jardinier|notre professeur de français|un apprenti|la voisine du dessus",
    "lit": "lit le journal|relit une vieille lettre|prend des notes dans un carnet|feuillette un catalogue"
    "|cherche un mot dans le dictionnaire|apprend un poème par cœur|écrit une carte postale"
    "|corrige un manuscrit|lit quelques pages à voix haute|recopie une recette",
    "calme": "dans le jardin|près de la fenêtre|à la terrasse du café|dans la cuisine|sur un banc"
    "|dans la salle de lecture|sous le tilleul|à la bibliothèque|dans le salon",
    "fait": "prépare la soupe|arrose les tomates|attend le bus|repasse une chemise|range des bocaux|répare un vélo"
    "|épluche des pommes|va au marché|promène le chien|écoute la radio|fait la vaisselle|plie le linge",
    "quand": "le matin|chaque samedi|après le déjeuner|en été|à la tombée du jour|le dimanche"
    "|pendant les vacances|de temps en temps|vers cinq heures",
    "jour": "lundi|mardi|mercredi|jeudi|vendredi|samedi",
    "heure": "à neuf heures|à dix heures|à midi|à quatorze heures|à dix-huit heures",
    "mois": "en janvier|en mars|en mai|en juin|en septembre|en octobre|à la rentrée|au printemps",
    "ville": "de Sombreval|du quartier|de la gare|de notre village|du port|de la vieille ville",
    "maison": "aux éditions du Tilleul|aux éditions de la Marelle|aux éditions du Vent d'est|chez un petit éditeur",
    "nombre": "deux|trois|quatre|cinq|six|dix|douze|vingt",
    "salle": "la salle de lecture|le rayon des romans|le coin des enfants|la réserve|le rayon des voyages|l'entrée",
    "objet": "une lampe|un fauteuil|une échelle|un tapis|une grande table|une plante verte|une horloge|des étagères",
    "sujet": "la mer|la montagne|l'enfance|la guerre|l'amitié|les saisons|le voyage|la famille|la ville|l'exil",
    "temps": "Il pleut depuis trois jours.|La neige tombe sur les toits.|Le soleil entre par la fenêtre."
    "|Le vent s'est levé.|La nuit arrive tôt.|Les marchés sont pleins de fruits.|Il fait doux ce soir."
    "|Les cloches sonnent au loin.",
}
NEUTRAL = [
    "{gens} {lit} {calme}.",
    "{quand}, {gens} {lit} {calme}.",
    "{gens} {fait}, puis {lit} {calme}.",
    "{quand}, {gens} {fait}.",
    "{temps}",
    "{temps}",
    "La bibliothèque {ville} ouvre le {jour} {heure}.",
    "Le club de lecture se réunit le {jour} {heure} et chacun apporte {nombre} livres.",
    "{auteur.nom} présentera {titre} {jour} {heure} à la librairie {ville}.",
    "{titre} paraîtra {mois} {maison}.",
    "{auteur.nom} vit {lieu} et écrit le plus souvent {calme}.",
    "Le nouveau livre {auteur.de} parle de {nombre} voyageurs et se passe {lieu}.",
    "Dans {salle}, on trouve {objet} et {nombre} chaises.",
    "On peut emprunter {nombre} livres pour {nombre} semaines.",
    "{gens} aime les livres sur {sujet}, {proche} préfère ceux sur {sujet2}.",
    "Le prix des lecteurs sera remis {mois} à {auteur.nom}.",
    "Dans ce livre, {qui} et {qui2} se rencontrent {lieu}.",
    "{proche} cherche un livre sur {sujet} pour l'offrir {mois}.",
    "{titre} a été traduit en {nombre} langues.",
    "Pour parler d'{g.un}, on dira par exemple que {p.le} {p.est} {p.adj} ou {p.adj2}.",
    "{p.le}, que la critique dit {p.adj}, {p.est} aussi {p.adj2} selon les lecteurs.",
    "Entre {p.un} {p.adj} et {p.un} {p.adj2}, la différence est mince.",
]


def below(rng, bound):
    """Return an integer from 0 to bound - 1, drawn with rng.random() only, which never changes between versions."""
    return int(rng.random() * bound)


def shuffled(rng, items):
    """Return the items in random order (Fisher-Yates)."""
    items = list(items)
    for last in range(len(items) - 1, 0, -1):
        other = below(rng, last + 1)
        items[last], items[other] = items[other], items[last]
    return items


def allowed(entries, hidden):
    """Split a list written with bars and leave out the entries marked with the hidden sign."""
    return [entry.lstrip("+*") for entry in entries.split("|") if not hidden or not entry.startswith(hidden)]


def starts_with_vowel(word):
    """Tell whether le, la, de and que lose their vowel before this word."""
    return word[0].lower() in "aâàeéèêiîoôuœ" or word.startswith(MUTE_H)


def elide(short, word):
    """Join de or que and a word: de + Odilon gives d'Odilon."""
    return f"{short[:-1]}'{word}" if starts_with_vowel(word) else f"{short} {word}"


def agree(adjective, gender, number):
    """Give an adjective, written in the masculine singular, its gender and number."""
    form = adjective
    if gender == "f" and not form.endswith("e"):
        for ending, feminine in (("eux", "euse"), ("if", "ive"), ("el", "elle")):
            if form.endswith(ending):
                form = form[: -len(ending)] + feminine
                break
        else:
            form += "e"
    if number == "p" and form.endswith("al"):
        form = form[:-2] + "aux"
    elif number == "p" and not form.endswith(("s", "x")):
        form += "s"
    return form


def noun_forms(entry):
    """Return the articles and verbs that go with a noun written as "intrigue fs"."""
    noun, (gender, number) = entry.rsplit(" ", 1)
    if number == "p":
        return SimpleNamespace(
            le=f"les {noun}",
            un=f"des {noun}",
            ce=f"ces {noun}",
            est="sont",
            nest="ne sont",
            cest="ce sont",
            m_a="m'ont",
            serait="seraient",
            gn=(gender, number),
        )
    article = "le" if gender == "m" else "la"
    the = elide(article, noun)
    this = "cette" if gender == "f" else "cet" if starts_with_vowel(noun) else "ce"
    return SimpleNamespace(
        le=the,
        un=f"{'un' if gender == 'm' else 'une'} {noun}",
        ce=f"{this} {noun}",
        est="est",
        nest="n'est",
        cest="c'est",
        m_a="m'a",
        serait="serait",
        gn=(gender, number),
    )


class Writer:
    """Writes the sentences of one text, without repeating a word of a list before the list is used up."""

    def __init__(self, rng, split, label):
        """Fix the words allowed in the split, the polarity, the book and the roles of the three groups of nouns."""
        self.rng, self.hidden, self.label, self.decks, self.used = rng, HIDDEN[split], label, {}, set()
        self.groups = dict(zip("pqo", shuffled(rng, ["story", "style", "people"])))
        name = self.draw(PHRASES["auteur"])
        self.auteur = SimpleNamespace(nom=name, de=elide("de", name))
        self.titre = f"« {self.draw(PHRASES['titre'])} »"
        self.work = self.draw(NOUNS["work"])

    def chance(self, share):
        """Return True with this probability."""
        return self.rng.random() < share

    def choose(self, items):
        """Return one of the items."""
        return items[below(self.rng, len(items))]

    def draw(self, entries):
        """Take the next entry of a list written with bars, in random order."""
        if not self.decks.get(entries):
            self.decks[entries] = shuffled(self.rng, allowed(entries, self.hidden))
        return self.decks[entries].pop()

    def aspect(self, group, label):
        """Return a noun of the group with two adjectives of the polarity, agreeing with it."""
        forms = noun_forms(self.draw(NOUNS[group]))
        first, second = (self.draw(ADJECTIVES[group, label]) for _ in range(2))
        forms.adj, forms.adj2 = agree(first, *forms.gn), agree(second, *forms.gn)
        forms.d_adj = elide("de", first)
        return forms

    def book(self):
        """Return the kind of book with two adjectives of the polarity and one of the other."""
        forms = noun_forms(self.work)
        first, second = (self.draw(ADJECTIVES["story", self.label]) for _ in range(2))
        other = self.draw(ADJECTIVES["story", 1 - self.label])
        forms.adj, forms.adj2, forms.other = (agree(word, *forms.gn) for word in (first, second, other))
        return forms

    def slot(self, name):
        """Return what goes into the slot of this name."""
        if name in self.groups:
            return self.aspect(self.groups[name], 1 - self.label if name == "o" else self.label)
        if name == "g":
            return self.book()
        if name in ("titre", "auteur"):
            return getattr(self, name)
        if name == "que_effet":
            return elide("que", self.draw(POLAR["effet"][self.label]))
        if name in POLAR:
            return self.draw(POLAR[name][self.label])
        name = name.rstrip("2")
        return self.draw(PHRASES[name] if name in PHRASES else NEUTRAL_WORDS[name])

    def sentence(self, patterns):
        """Fill one of the patterns, if possible one that brings no slot of ONCE again, and give it its capital."""
        fresh = [p for p in patterns if p not in self.used and not self.used & ONCE & set(SLOT.findall(p))]
        pattern = self.choose(fresh or patterns)
        names = set(SLOT.findall(pattern))
        self.used |= names | {pattern}
        text = pattern.format(**{name: self.slot(name) for name in sorted(names)})
        return text[0].upper() + text[1:]


def review(rng, split, label):
    """Write a review of the polarity, with the words of the split."""
    writer = Writer(rng, split, label)
    kind = writer.choose(KINDS)
    plain = kind == "plain"
    parts = [writer.sentence(INTRO)] if writer.chance(0.6) else []
    if kind == "irony":
        return " ".join([*parts, writer.sentence(IRONY[label])])
    if writer.chance(0.3):
        parts.append(writer.sentence(DETAIL))
    parts.append(writer.sentence(BODY[kind]))
    for share in (0.75, 0.25) if plain else (0.5,):
        if writer.chance(share):
            parts.append(writer.sentence(BODY["plain"]))
    if writer.chance(0.6 if plain else 0.25):
        parts.append(writer.sentence(["{fin}"]))
    return " ".join(parts)


def paragraph(rng):
    """Write a paragraph of the unlabelled text: a review of any polarity or a few neutral sentences."""
    label = below(rng, 2)
    if rng.random() < 0.5:
        return review(rng, "text", label)
    writer = Writer(rng, "text", label)
    return " ".join(writer.sentence(NEUTRAL) for _ in range(1 + below(rng, 2)))


def unique(make, count, seen):
    """Call make() until it has given this many texts of 8 to 60 words that are not in seen; add them to it."""
    texts = []
    while len(texts) < count:
        text = make()
        if text not in seen and 8 <= len(re.findall(r"\w+", text)) <= 60:
            seen.add(text)
            texts.append(text)
    return texts


def write_lines(path, lines):
    """Write the lines, UTF-8 with LF, the last one ended too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8"))


def generate(out, seed):
    """Write all the files under the folder out."""
    rng, seen = random.Random(seed), set()
    for split, size in SIZES.items():
        rows = []
        for label in (0, 1):
            texts = unique(lambda split=split, label=label: review(rng, split, label), size // 2, seen)
            rows += [(text, label) for text in texts]
        rows = shuffled(rng, rows)
        write_lines(out / "reviews" / f"{split}.review", [text for text, _ in rows])
        write_lines(out / "reviews" / f"{split}.label", [label for _, label in rows])
    write_lines(out / "text.txt", unique(lambda: paragraph(rng), TEXT_LINES, seen))


def main():
    """Read the command line and write the files."""
    parser = argparse.ArgumentParser(description="Write the demo reviews and the unlabelled text.")
    parser.add_argument("--seed", type=int, default=1789, help="seed of the generator (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent, help="output folder")
    args = parser.parse_args()
    generate(args.out, args.seed)


if __name__ == "__main__":
    main()
