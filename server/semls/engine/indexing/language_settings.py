"""The associations of files and languages with which a catalog was made, and their change."""

import json

from semls.engine.storage.catalog import Catalog
from semls.engine.syntax.languages.associations import Associations
from semls.errors import UsageError

_KEY = "languages"  # of metadata in the catalog


def stored_associations(catalog: Catalog) -> Associations:
    """Return the associations that the files of a catalog were read with."""
    try:
        return Associations(dict(json.loads(_stored_key(catalog))))
    except UsageError:  # the catalog is from a version that had another language
        return Associations({})


def has_associations(catalog: Catalog, associations: Associations) -> bool:
    """Return whether the files of a catalog are read with these associations."""
    return _stored_key(catalog) == associations.key


def store_associations(catalog: Catalog, associations: Associations) -> None:
    """Store other associations, and mark the files as stale whose language they change."""
    before, last = stored_associations(catalog), ""
    while files := catalog.files_after(last):
        catalog.invalidate([path for path in files if before.find(path) != associations.find(path)])
        last = next(reversed(files))
    catalog.set_metadata(_KEY, associations.key)


def _stored_key(catalog: Catalog) -> str:
    return catalog.get_metadata(_KEY) or Associations({}).key
