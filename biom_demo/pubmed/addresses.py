"""What an address names: PubMed's own, old and new, PMC, Europe PMC, doi.org, and any with a DOI in it.

Addresses live long after the sites they were made for: a link of 2003 in a supplement still names its
record. Nothing is fetched; what an address does not say in plain sight stays unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from biom_demo.pubmed.names import Name, Scheme, doi_of, name_of, without_signs_behind

MAX_ADDRESS_CHARS = 20_000
MAX_NESTED = 4  # an address within an address, as proxies and mail filters make them

_ADDRESS = re.compile(
    r"(?:(?:https?|ftp):/{0,2})?(?:[^\s/@?#]{1,60}@)?(?P<host>(?:[\w-]{1,63}\.){1,8}[a-z]{2,24})\.?(?::[0-9]{1,5})?"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?",
    re.IGNORECASE | re.DOTALL,
)
_STARTS_LIKE_ONE = re.compile(
    r"(?:https?:/|ftp:/|www\.)\S|(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}[/?]", re.IGNORECASE
)

_PUBMED_HOSTS = frozenset(
    (
        "pubmed.ncbi.nlm.nih.gov",
        "pubmed.gov",
        "pubmed.com",
        "pubmed.org",
        "pubmed.nih.gov",
        "pubmed.nlm.nih.gov",
    )
)
_PMC_HOSTS = frozenset(
    (
        "pmc.ncbi.nlm.nih.gov",
        "pubmedcentral.nih.gov",
        "pubmedcentral.gov",
        "pubmedcentral.org",
        "pubmedcentral.com",
    )
)
_DOI_HOSTS = frozenset(("doi.org", "dx.doi.org", "doi.acm.org", "hdl.handle.net"))
_EUROPE_HOSTS = frozenset(("europepmc.org", "ukpmc.ac.uk"))
_ID_KEYS = ("list_uids", "uids", "uid", "ids", "id", "pmids", "pmid", "pubmedid", "termtosearch")
_PMC_KEYS = ("artid", "accid", "articles", "pmcid")
_RELATED_KEYS = ("from_uid", "idsfromresult")
_NESTED_KEYS = frozenset(
    ("url", "u", "q", "target", "dest", "destination", "link", "qurl", "redirect", "rft_id")
)

_PMIDS_IN_PATH = re.compile(
    r"(?:^|/)(?:m/)?(?:pubmed|pmid|entrez|med|publication)[/:]([0-9][0-9,;+ .]*)(?:/|$)", re.I
)
_PMC_IN_PATH = re.compile(r"(?:^|[/:])pmc0*([1-9][0-9]{0,8})(?:\.([1-9][0-9]?))?(?![\w])", re.IGNORECASE)
_PMC_DIGITS = re.compile(r"/pmc/articles/0*([1-9][0-9]{0,8})(?:/|$)", re.IGNORECASE)
_LITERATURE = re.compile(
    r"/(?:m/)?(?:pubmed|pmc|labs/pmc|sites|entrez|htbin-post|research)(?:/|$)", re.IGNORECASE
)
_SESSION = re.compile(r";jsessionid=[^/]*", re.IGNORECASE)
_ANY_PMID = re.compile(r"(?:^|[/:])(?:pubmed|pmid)[/:]0*([1-9][0-9]{0,7})(?![\w.])", re.IGNORECASE)
_DOI = re.compile(r"(?<![\w.])10\.[0-9]{4,9}(?:\.[0-9]+)*/[^\s?&]+")
# What publishers hang on to the DOI in an address.
_AFTER_DOI = re.compile(
    r"(?:/(?:full(?:text|html)?|abs(?:tract)?|e?pdf|pdfdirect|epub|html?|meta|xml|references|citedby|citations|"
    r"summary|tables?|figures?|suppl(?:_file|ementary-material)?|related|metrics|comments|download|print|"
    r"asset|issuetoc|peer-review|media|info|cite|bibtex|doi|authors?|permissions|article-info)"
    r"|\.(?:pdf|epdf|full(?:-text)?|abstract|short|long|epub|xml|html?|ris)|/suppl_file/.*)$",
    re.IGNORECASE | re.DOTALL,
)
_PREPRINT_VERSION = re.compile(r"(?<=[0-9])v[0-9]{1,2}(?=$|[./])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """What an address holds: ``names`` of records, or a ``query`` to PubMed, or neither.

    ``related`` names the record whose similar or citing articles it lists; ``dropped`` are filters of
    the search that have no counterpart in a query. ``ours`` tells addresses of PubMed and its sisters.
    """

    names: tuple[Name, ...] = ()
    query: str = ""
    related: Name | None = None
    dropped: tuple[str, ...] = ()
    ours: bool = False


def is_address(word: str) -> bool:
    """Whether the word, with no space in it, looks like an address, "www.x.org/y" included."""
    return bool(_STARTS_LIKE_ONE.match(word))


def read_address(word: str) -> Address | None:
    """What the address holds; ``None`` for what is no address. Never raises."""
    found = Address()
    for _ in range(MAX_NESTED):
        match = _ADDRESS.fullmatch(word[:MAX_ADDRESS_CHARS])
        if match is None or not (match["path"] or match["query"] or "/" in word):
            return None if found == Address() else found
        found = _read(match)
        inner = _nested(match)
        if found.names or found.query or found.ours or not inner:
            return found
        word = inner
    return found


def _read(match: re.Match[str]) -> Address:
    host = _host(match["host"])
    path = _SESSION.sub("", unquote(match["path"] or ""))
    given = _parameters(match["query"] or "")
    if host in _DOI_HOSTS:
        return Address(_only(_doi_after_host(match)), ours=host.endswith("doi.org"))
    if host in _EUROPE_HOSTS or (host.endswith("ebi.ac.uk") and "/europepmc/" in path):
        return _europe_pmc(path, given)
    if host in _PUBMED_HOSTS or host in _PMC_HOSTS or host.endswith(("ncbi.nlm.nih.gov", "hubmed.org")):
        return _ncbi(host, path, given)
    return Address(_in_plain_sight(host, path, given))


def _host(host: str) -> str:
    """The host in lower case, without www. or m., and as it is where a library's proxy rewrote it."""
    host = host.lower()
    first = host.partition(".")[0]
    if first.count("-") >= 1:  # pubmed-ncbi-nlm-nih-gov.proxy.example.edu
        rewritten = first.replace("-", ".")
        if rewritten.endswith(("nlm.nih.gov", "doi.org", "europepmc.org")):
            host = rewritten
    for known in (*_PUBMED_HOSTS, *_PMC_HOSTS, *_DOI_HOSTS, "ncbi.nlm.nih.gov", "europepmc.org"):
        if host.startswith((f"{known}.", f"www.{known}.")):  # pubmed.ncbi.nlm.nih.gov.proxy.example.edu
            host = known
    while host.startswith(("www.", "m.", "mobile.", "preview.")):
        host = host.partition(".")[2]
    return host


def _parameters(query: str) -> dict[str, list[str]]:
    """The parameters by their name in lower case; "amp;" of an address copied from HTML goes."""
    given: dict[str, list[str]] = {}
    for key, value in parse_qsl(query.replace("&amp;", "&"), errors="replace"):
        given.setdefault(key.lower(), []).append(value.strip())
    return given


def _first(given: dict[str, list[str]], *keys: str) -> str:
    return next((given[key][0] for key in keys if key in given), "")


def _only(name: Name | None) -> tuple[Name, ...]:
    return (name,) if name else ()


def _nested(match: re.Match[str]) -> str:
    """The address within an address: ``…/login?url=https://…``, ``…/http://…``, or ""."""
    for key, value in parse_qsl(match["query"] or "", errors="replace"):
        if key.lower() in _NESTED_KEYS and is_address(value):
            # What was not encoded runs on behind the next "&": it belongs to the inner address.
            rest = f"&{match['query']}".partition(f"&{key}=")[2]
            return rest if is_address(rest) else value
    path = unquote(match["path"] or "")
    found = re.search(r"(?<=/)https?:/", path)
    if not found:
        return ""
    return path[found.start() :] + (f"?{match['query']}" if match["query"] else "")


# --- DOIs ------------------------------------------------------------------------------------------------


def _doi_after_host(match: re.Match[str]) -> Name | None:
    path = unquote(match["path"] or "").lstrip("/")
    if path[:4].lower() == "doi:":
        path = path[4:]
    fragment = match["fragment"]
    if fragment is not None and path.endswith(";2-"):  # a SICI whose check sign is "#"
        path += "#" + fragment
    return doi_of(path)


def _publishers_doi(host: str, text: str) -> Name | None:
    """The DOI in an address of a publisher, without what hangs on to it."""
    found = _DOI.search(text)
    if not found:
        return None
    value = without_signs_behind(found[0])
    if host.endswith("oup.com"):  # Oxford's own number behind the DOI
        value = re.sub(r"/[0-9]{6,9}(?:/.*)?$|/[0-9]{1,9}/[^/]+\.pdf$", "", value)
    for _ in range(4):
        bare = _AFTER_DOI.sub("", value).rstrip("/")
        if not _DOI.fullmatch(bare) or bare == value:
            break
        value = bare
    if "rxiv" in host or value.startswith("10.1101/"):
        version = _PREPRINT_VERSION.search(value)
        value = value[: version.start()] if version else value
    return doi_of(value)


def _in_plain_sight(host: str, path: str, given: dict[str, list[str]]) -> tuple[Name, ...]:
    """The record that an address of any site names openly: a DOI, a PMCID or a PMID."""
    if doi := _publishers_doi(host, path):
        return (doi,)
    for values in given.values():
        for value in values:
            if doi := _publishers_doi(host, value):
                return (doi,)
    if found := _PMC_IN_PATH.search(path):
        return (Name(Scheme.PMCID, f"PMC{found[1]}", int(found[2] or 0)),)
    if found := _ANY_PMID.search(path):
        return (Name(Scheme.PMID, found[1]),)
    if host == "nature.com" and (found := re.fullmatch(r"/articles/([\w.-]+?)(?:\.pdf)?/?", path)):
        return _only(doi_of(f"10.1038/{found[1]}"))  # Nature's addresses are its DOIs' second halves
    return _ids(given, "pmid", "pmids", "pubmedid", scheme=Scheme.PMID) or _ids(
        given, "pmcid", scheme=Scheme.PMCID
    )


# --- PubMed and PMC --------------------------------------------------------------------------------------


def _ncbi(host: str, path: str, given: dict[str, list[str]]) -> Address:
    database = _first(given, "dbfrom", "db").lower()
    in_pmc = database == "pmc" or host in _PMC_HOSTS
    if database not in ("", "pubmed", "m", "medline", "pmc"):
        return Address(ours=True)
    if names := _ncbi_path(host, path):
        return Address(names, ours=True)
    if host == "ncbi.nlm.nih.gov" and not _LITERATURE.match(path):
        return Address(ours=True)  # genes, proteins, books: their numbers are no PMIDs
    if names := _ids(given, *_PMC_KEYS, scheme=Scheme.PMCID):
        return Address(names, ours=True)
    scheme = Scheme.PMCID if in_pmc and "pubmedid" not in given else Scheme.PMID
    if names := _ids(given, *_ID_KEYS, scheme=scheme):
        return Address(names, ours=True)
    if term := _first(given, "term", "cmd_term"):
        filters, dropped = _filters(given.get("filter", []))
        if (first := _first(given, "mindate")) and (last := _first(given, "maxdate")):
            filters += (f"{first}:{last}[dp]",)
        return Address(query=_with_filters(term, filters), dropped=dropped, ours=True)
    related = _ids(given, *_RELATED_KEYS, scheme=Scheme.PMID)
    return Address(related=related[0] if related else None, ours=True)


def _ncbi_path(host: str, path: str) -> tuple[Name, ...]:
    if doi := _publishers_doi(host, path):
        return (doi,)
    if found := _PMC_IN_PATH.search(path):
        return (Name(Scheme.PMCID, f"PMC{found[1]}", int(found[2] or 0)),)
    if found := _PMIDS_IN_PATH.search(path):
        return _listed(found[1], Scheme.PMID)
    if found := _PMC_DIGITS.search(path):
        return (Name(Scheme.PMCID, f"PMC{found[1]}"),)
    if host in _PUBMED_HOSTS and (found := re.match(r"/([0-9][0-9,;+ .]*)(?:/|$)", path)):
        return _listed(found[1], Scheme.PMID)
    if found := re.search(r"/sites/entrez/([0-9][0-9,]*)(?:/|$)", path):
        return _listed(found[1], Scheme.PMID)
    if found := re.search(r"/bioc_(?:xml|json)/(pmc)?([0-9]+)/", path, re.IGNORECASE):
        return _listed(found[2], Scheme.PMCID if found[1] else Scheme.PMID)
    return ()


def _ids(given: dict[str, list[str]], *keys: str, scheme: Scheme) -> tuple[Name, ...]:
    """The names in the first of the parameters that holds any."""
    for key in keys:
        names = tuple(name for value in given.get(key, ()) for name in _listed(value, scheme))
        if names:
            return names
    return ()


def _listed(value: str, scheme: Scheme) -> tuple[Name, ...]:
    """The names of a list in an address; none where any part of it is no name."""
    names = [name_of(word, scheme) for word in re.split(r"[\s,;+|]+", value.strip(" ,;+/.")) if word]
    return tuple(name for name in names if name) if all(names) else ()


# Filters of PubMed's result page -> what a query says for them.
_FILTERS = {
    "simsearch1.fha": "hasabstract",
    "simsearch2.ffrft": "free full text[sb]",
    "simsearch3.fft": "full text[sb]",
    "pubt.systematicreview": "systematic[sb]",
    "pubt.meta-analysis": "meta-analysis[pt]",
    "pubt.metaanalysis": "meta-analysis[pt]",
    "pubt.review": "review[pt]",
    "pubt.clinicaltrial": "clinical trial[pt]",
    "pubt.randomizedcontrolledtrial": "randomized controlled trial[pt]",
    "pubt.casereports": "case reports[pt]",
    "pubt.guideline": "guideline[pt]",
    "pubt.practiceguideline": "practice guideline[pt]",
    "pubt.observationalstudy": "observational study[pt]",
    "pubt.comparativestudy": "comparative study[pt]",
    "pubt.multicenterstudy": "multicenter study[pt]",
    "pubt.editorial": "editorial[pt]",
    "pubt.letter": "letter[pt]",
    "pubt.comment": "comment[pt]",
    "hum_ani.humans": "humans[mh]",
    "hum_ani.animals": "animals[mh:noexp]",
    "species.humans": "humans[mh]",
    "species.otheranimals": "animals[mh:noexp]",
    "sex.female": "female[mh]",
    "sex.male": "male[mh]",
    "other.medline": "medline[sb]",
    "other.excludepreprints": "NOT preprint[pt]",
    "age.allchild": "(infant[mh] OR child[mh] OR adolescent[mh])",
    "age.newborn": "infant, newborn[mh]",
    "age.allinfant": "infant[mh]",
    "age.infant": "infant[mh:noexp]",
    "age.preschoolchild": "child, preschool[mh]",
    "age.child": "child[mh:noexp]",
    "age.adolescent": "adolescent[mh]",
    "age.alladult": "adult[mh]",
    "age.youngadult": "young adult[mh]",
    "age.adult": "adult[mh:noexp]",
    "age.middleagedaged": "(middle aged[mh] OR aged[mh])",
    "age.middleaged": "middle aged[mh]",
    "age.aged": "aged[mh]",
    "age.80andover": "aged, 80 and over[mh]",
}
_YEARS = re.compile(r"years\.([0-9]{4})-([0-9]{4})")
_DATES = re.compile(r"dates\.([0-9]{4}(?:/[0-9]{1,2}){0,2})-([0-9]{4}(?:/[0-9]{1,2}){0,2})")
_LAST_YEARS = re.compile(r"datesearch\.y_([0-9]{1,2})")
_LANGUAGE = re.compile(r"lang\.([a-z]+)")


def _filters(given: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The filters as parts of a query, and those that have no counterpart."""
    parts: list[str] = []
    dropped: list[str] = []
    for item in dict.fromkeys(value.lower() for value in given[:50]):
        if item in _FILTERS:
            parts.append(_FILTERS[item])
        elif found := _YEARS.fullmatch(item) or _DATES.fullmatch(item):
            parts.append(f"{found[1]}:{found[2]}[dp]")
        elif found := _LAST_YEARS.fullmatch(item):
            parts.append(f'"last {found[1]} years"[dp]')
        elif found := _LANGUAGE.fullmatch(item):
            parts.append(f"{found[1]}[la]")
        else:
            dropped.append(item)
    return tuple(dict.fromkeys(parts)), tuple(dropped)


def _with_filters(term: str, filters: tuple[str, ...]) -> str:
    if not filters:
        return term
    joined = " ".join(part if part.startswith("NOT ") else f"AND {part}" for part in filters)
    return f"({term}) {joined}"


# --- Europe PMC ---------------------------------------------------------------------------------------------

_EUROPE_RECORD = re.compile(
    r"/(?:articles?|abstract|rest)/(?:article/)?med/0*([1-9][0-9]{0,7})(?:/|$)", re.IGNORECASE
)
_EUROPE_ID = re.compile(r'\b(EXT_ID|PMID|PMCID|DOI)\s?:\s?"?([^\s"()]+)"?', re.IGNORECASE)
_EUROPE_SOURCE = re.compile(r"\bSRC\s?:\s?\w+|\b(?:AND|OR)\b|[()\s]", re.IGNORECASE)


def _europe_pmc(path: str, given: dict[str, list[str]]) -> Address:
    if found := _EUROPE_RECORD.search(path):
        return Address((Name(Scheme.PMID, found[1]),), ours=True)
    if found := _PMC_IN_PATH.search(path):
        return Address((Name(Scheme.PMCID, f"PMC{found[1]}", int(found[2] or 0)),), ours=True)
    if names := _ids(given, *_PMC_KEYS, scheme=Scheme.PMCID):
        return Address(names, ours=True)
    query = _first(given, "query")
    if names := _europe_names(query):
        return Address(names, ours=True)
    doi = _publishers_doi("", path)
    return Address(_only(doi), query="" if doi else query, ours=True)


def _europe_names(query: str) -> tuple[Name, ...]:
    """The records of a search that only names them: ``EXT_ID:12345 AND SRC:MED``, ``DOI:"10.1/x"``."""
    rest = _EUROPE_SOURCE.sub("", _EUROPE_ID.sub("", query))
    if rest:
        return ()
    schemes = {"EXT_ID": Scheme.PMID, "PMID": Scheme.PMID, "PMCID": Scheme.PMCID, "DOI": Scheme.DOI}
    names = [name_of(found[2], schemes[found[1].upper()]) for found in _EUROPE_ID.finditer(query)]
    return tuple(name for name in names if name)
