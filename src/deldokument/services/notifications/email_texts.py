"""Texts of the e-mails to members and administrators.

Guarantees:
- An e-mail contains no title, name of a document, name or number of a person, or name of an account or tenant.
- It contains only the kind of the event, and a link to a page of this service behind the login.
- It is in the reader's language, and explains where to switch e-mail off.
"""

from dataclasses import dataclass
from datetime import datetime

from deldokument.domain.messages.email_addresses import CODE_LIFETIME, Language
from deldokument.ports.channels import Email, EmailKind

SETTINGS_PATH = "/varsler"


@dataclass(frozen=True, slots=True)
class _Words:
    subject: str
    text: str


_LETTERS: dict[Language, dict[EmailKind, _Words]] = {
    Language.BOKMAAL: {
        EmailKind.CODE: _Words(
            "Kode fra Del dokument",
            "Koden er {code}.\n\n"
            "Noen, antakelig du, vil få varsler fra Del dokument til denne adressen. Skriv koden på siden "
            "«Varsler til meg» innen {minutes} minutter.\n\n"
            "Var det ikke deg? Da trenger du ikke gjøre noe. Adressen blir ikke brukt.",
        ),
        EmailKind.DOWNLOADED: _Words(
            "En mottaker har hentet et dokument",
            "En mottaker har hentet minst ett dokument du har delt. Logg inn for å se hvem, hva, og om mottakeren har "
            "bekreftet det:\n\n{link}\n\n"
            "Du får høyst én slik e-post om dagen for hver deling.",
        ),
        EmailKind.ENDING: _Words(
            "En deling utløper snart",
            "Noe du har delt, utløper om mindre enn {days} dager, og en mottaker har ikke hentet alt. "
            "Logg inn for å se hvem. Der kan du også endre sluttidspunktet:\n\n{link}",
        ),
        EmailKind.APPROVAL: _Words(
            "En deling venter på godkjenning",
            "En kollega vil dele noe, og en annen må godkjenne det først. Logg inn for å se gjennom:\n\n{link}",
        ),
        EmailKind.CHANGE: _Words(
            "En endring venter på godkjenning",
            "En kollega vil endre noe som er delt, eller la det være tilgjengelig lenger. En annen må godkjenne det "
            "først. Logg inn for å se gjennom:\n\n{link}",
        ),
        EmailKind.REQUEST: _Words(
            "En mottaker ber om mer tid",
            "En mottaker har ikke rukket å hente noe du eller en kollega har delt, og ber om mer tid eller en ny "
            "deling. Logg inn for å svare:\n\n{link}\n\n"
            "Du får høyst én slik e-post om dagen for hver deling.",
        ),
        EmailKind.SIGNATURE: _Words(
            "En ny avtale må signeres",
            "Det har kommet en ny versjon av tjenesteavtalen for Del dokument. Når fristen er ute, kan ingenting nytt "
            "deles før den er signert. Logg inn for å se fristen, lese og signere:\n\n{link}",
        ),
        EmailKind.ENTRY: _Words(
            "Noen har fått tilgang uten den som delte",
            "To på kontoen har sammen gitt flere tilgang til noe som er delt, lagt til dokumenter eller merket "
            "innholdet som ikke taushetsbelagt. Den som delte, er fraværende, har sluttet på kontoen eller er et "
            "fagsystem. Logg inn for å se hvem som gjorde det, og hva:\n\n{link}",
        ),
        EmailKind.ABSENT: _Words(
            "Du er merket som fraværende",
            "En administrator har merket deg som fraværende på en konto. Så lenge det varer, kan to andre på kontoen "
            "sammen gi flere tilgang til det du har delt. Én av dem må ha vært bruker før du delte det. Logg inn for å "
            "se det du har delt:\n\n{link}\n\n"
            "Er det feil? Be administratoren om å endre det.",
        ),
        EmailKind.PRESENT: _Words(
            "Du er merket som tilbake",
            "En administrator har merket at du er tilbake på en konto. Nå er det igjen du som avgjør hvem som får "
            "tilgang til det du har delt. Logg inn for å se det:\n\n{link}",
        ),
        EmailKind.HANDOVER: _Words(
            "Et utkast er overlatt",
            "Du har fått et utkast av en kollega, eller overlatt et til en kollega. Filer og mottakere fulgte med. "
            "Bare den som har fått utkastet, kan endre og dele det. Logg inn for å se hvilket det er:\n\n{link}\n\n"
            "Har du verken fått eller overlatt noe? Si fra til administratoren.",
        ),
        EmailKind.MALWARE: _Words(
            "Det er funnet et virus i noe du deler",
            "Det er funnet et virus i et dokument du har delt, eller er i ferd "
            "med å dele. Ingen kan laste det ned nå. Logg inn for å se hvilket:\n\n{link}",
        ),
    },
    Language.NYNORSK: {
        EmailKind.CODE: _Words(
            "Kode frå Del dokument",
            "Koden er {code}.\n\n"
            "Nokon, truleg du, vil få varsel frå Del dokument til denne adressa. Skriv koden på sida "
            "«Varsel til meg» innan {minutes} minutt.\n\n"
            "Var det ikkje deg? Då treng du ikkje gjere noko. Adressa blir ikkje brukt.",
        ),
        EmailKind.DOWNLOADED: _Words(
            "Ein mottakar har henta eit dokument",
            "Ein mottakar har henta minst eitt dokument du har delt. Logg inn for å sjå kven, kva, og om mottakaren "
            "har stadfesta det:\n\n{link}\n\n"
            "Du får høgst éin slik e-post om dagen for kvar deling.",
        ),
        EmailKind.ENDING: _Words(
            "Ei deling går snart ut",
            "Noko du har delt, går ut om mindre enn {days} dagar, og ein mottakar har ikkje henta alt. "
            "Logg inn for å sjå kven. Der kan du òg endre sluttidspunktet:\n\n{link}",
        ),
        EmailKind.APPROVAL: _Words(
            "Ei deling ventar på godkjenning",
            "Ein kollega vil dele noko, og ein annan må godkjenne det først. Logg inn for å sjå gjennom:\n\n{link}",
        ),
        EmailKind.CHANGE: _Words(
            "Ei endring ventar på godkjenning",
            "Ein kollega vil endre noko som er delt, eller la det vere tilgjengeleg lenger. Ein annan må godkjenne "
            "det først. Logg inn for å sjå gjennom:\n\n{link}",
        ),
        EmailKind.REQUEST: _Words(
            "Ein mottakar bed om meir tid",
            "Ein mottakar har ikkje rokke å hente noko du eller ein kollega har delt, og bed om meir tid eller ei ny "
            "deling. Logg inn for å svare:\n\n{link}\n\n"
            "Du får høgst éin slik e-post om dagen for kvar deling.",
        ),
        EmailKind.SIGNATURE: _Words(
            "Ein ny avtale må signerast",
            "Det har kome ein ny versjon av tenesteavtalen for Del dokument. Når fristen er ute, kan ingenting nytt "
            "delast før han er signert. Logg inn for å sjå fristen, lese og signere:\n\n{link}",
        ),
        EmailKind.ENTRY: _Words(
            "Nokon har fått tilgang utan den som delte",
            "To på kontoen har saman gitt fleire tilgang til noko som er delt, lagt til dokument eller merkt "
            "innhaldet som ikkje underlagt teieplikt. Den som delte, er fråverande, har slutta på kontoen eller er eit "
            "fagsystem. Logg inn for å sjå kven som gjorde det, og kva:\n\n{link}",
        ),
        EmailKind.ABSENT: _Words(
            "Du er merkt som fråverande",
            "Ein administrator har merkt deg som fråverande på ein konto. Så lenge det varer, kan to andre på kontoen "
            "saman gi fleire tilgang til det du har delt. Éin av dei må ha vore brukar før du delte det. Logg inn for "
            "å sjå det du har delt:\n\n{link}\n\n"
            "Er det feil? Be administratoren om å endre det.",
        ),
        EmailKind.PRESENT: _Words(
            "Du er merkt som tilbake",
            "Ein administrator har merkt at du er tilbake på ein konto. No er det igjen du som avgjer kven som får "
            "tilgang til det du har delt. Logg inn for å sjå det:\n\n{link}",
        ),
        EmailKind.HANDOVER: _Words(
            "Eit utkast er overlate",
            "Du har fått eit utkast av ein kollega, eller overlate eit til ein kollega. Filer og mottakarar følgde "
            "med. Berre den som har fått utkastet, kan endre og dele det. Logg inn for å sjå kva for eit det "
            "er:\n\n{link}\n\n"
            "Har du korkje fått eller overlate noko? Sei frå til administratoren.",
        ),
        EmailKind.MALWARE: _Words(
            "Det er funne eit virus i noko du deler",
            "Det er funne eit virus i eit dokument du har delt, eller er i ferd med "
            "å dele. Ingen kan laste det ned no. Logg inn for å sjå kva for eit:\n\n{link}",
        ),
    },
    Language.ENGLISH: {
        EmailKind.CODE: _Words(
            "Code from Del dokument",
            "The code is {code}.\n\n"
            "Somebody, probably you, wants notices from Del dokument at this address. Type the code on the page "
            "“Notices to me” within {minutes} minutes.\n\n"
            "Was it not you? Then you need not do anything. The address will not be used.",
        ),
        EmailKind.DOWNLOADED: _Words(
            "A recipient has downloaded a document",
            "A recipient has downloaded at least one document that you have shared. Log in to see who, what, and "
            "whether the recipient has confirmed it:\n\n{link}\n\n"
            "You get at most one such e-mail a day for each share.",
        ),
        EmailKind.ENDING: _Words(
            "A share ends soon",
            "Something that you have shared ends in less than {days} days, and a recipient has not downloaded "
            "everything. Log in to see who. You can also change the end there:\n\n{link}",
        ),
        EmailKind.APPROVAL: _Words(
            "A share waits for approval",
            "A colleague wants to share something that somebody else must approve first. Log in to look through "
            "it:\n\n{link}",
        ),
        EmailKind.CHANGE: _Words(
            "A change waits for approval",
            "A colleague wants to change something that has been shared, or wants it to stay available for longer. "
            "Somebody else must approve that first. Log in to look through it:\n\n{link}",
        ),
        EmailKind.REQUEST: _Words(
            "A recipient asks for more time",
            "A recipient has not been able to fetch something that you or a colleague shared, and asks for more time "
            "or a new share. Log in to answer:\n\n{link}\n\n"
            "You get at most one such e-mail a day for each share.",
        ),
        EmailKind.SIGNATURE: _Words(
            "A new agreement must be signed",
            "There is a new version of the service agreement for Del dokument. When the deadline has passed, nothing "
            "new can be shared before it is signed. Log in to see the deadline, read and sign:\n\n{link}",
        ),
        EmailKind.ENTRY: _Words(
            "Somebody got access without the one who shared",
            "Two people on the account have together given more people access to something that is shared, added "
            "documents, or marked its content as not confidential. The one who shared is absent, has left the "
            "account, or is a system. Log in to see who did it, and what:\n\n{link}",
        ),
        EmailKind.ABSENT: _Words(
            "You are marked as absent",
            "An administrator has marked you as absent from an account. Until that ends, two others on the account "
            "can together give more people access to what you have shared. One of them must have been there before "
            "you shared it. Log in to see what you have shared:\n\n{link}\n\n"
            "Is it wrong? Ask the administrator to change it.",
        ),
        EmailKind.PRESENT: _Words(
            "You are marked as present again",
            "An administrator has marked you as present again on an account. You decide again who gets access to "
            "what you have shared. Log in to see it:\n\n{link}",
        ),
        EmailKind.HANDOVER: _Words(
            "A draft was handed over",
            "A colleague has handed a draft over to you, or you have handed one over to a colleague. It has its files "
            "and recipients. Only the one who has it now can change and share it. Log in to see which "
            "one:\n\n{link}\n\n"
            "Was it neither? Tell the administrator.",
        ),
        EmailKind.MALWARE: _Words(
            "A virus was found in something you share",
            "A virus was found in a document that you have shared, or are "
            "about to share. Nobody can download it now. Log in to see which one:\n\n{link}",
        ),
    },
}
_FOOTERS: dict[Language, str] = {
    Language.BOKMAAL: "Varsler velger du, og slår av, på {settings}\nDenne e-posten kan ikke besvares.",
    Language.NYNORSK: "Varsel vel du, og slår av, på {settings}\nDenne e-posten kan ikkje svarast på.",
    Language.ENGLISH: "You choose notices, and turn them off, at {settings}\nThis e-mail cannot be answered.",
}


_ANNOUNCEMENT = (
    "Driften av Del dokument har satt inn en ny administrator for virksomheten deres. Ingen av dagens administratorer "
    "kan bekrefte det. Den nye får tilgang om {days} dager.\n\n"
    "Er det ikke avtalt hos dere? Da må dere si fra til den som drifter tjenesten før det. "
    "Hvem det er, står her:\n\n{link}\n\n"
    "Nynorsk: Drifta av Del dokument har sett inn ein ny administrator for verksemda dykkar. Ingen av administratorane "
    "i dag kan stadfeste det. Den nye får tilgang om {days} dagar. Er det ikkje avtalt hos dykk, må de seie frå til "
    "den som driftar tenesta, før det.\n"
)


def announcement(letter_id: str, to: str, public_url: str, days: int, at: datetime) -> Email:
    """Return the e-mail to a tenant's contact address about an administrator whom nobody there can confirm."""
    text = _ANNOUNCEMENT.format(days=days, link=f"{public_url}/kontakt")
    return Email(letter_id, to, "Ny administrator i Del dokument", text, Language.BOKMAAL, at)


def compose_email(kind: EmailKind, language: Language, public_url: str, **facts: str | int) -> tuple[str, str]:
    """Return subject and text.

    ``facts``: ``code`` for the e-mail with a code, ``path`` of the linked page for all others, ``days`` for an end.
    """
    words = _LETTERS[language][kind]
    given = {
        "minutes": int(CODE_LIFETIME.total_seconds()) // 60,
        "link": f"{public_url}{facts.pop('path', '')}",
        **facts,
    }
    footer = _FOOTERS[language].format(settings=f"{public_url}{SETTINGS_PATH}")
    return words.subject, f"{words.text.format(**given)}\n\n-- \n{footer}\n"
