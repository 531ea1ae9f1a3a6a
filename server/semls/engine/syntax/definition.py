"""A definition in a file, with the offsets of its parts."""

from dataclasses import dataclass, field

CLASS_LIKE = frozenset("class interface struct enum object".split())
FUNCTION_LIKE = frozenset("function method constructor".split())
CELL = "cell"  # the kind of a part of a file whose borders no chunk crosses: it has no name
CONTAINERS = CLASS_LIKE | {"module", "namespace", CELL}


@dataclass(slots=True)
class Definition:
    """A definition, with the offsets of its parts. The root of the tree is the file and has no kind."""

    kind: str
    start: int
    end: int
    name: str = ""
    container: str = ""  # only the containers that the definition itself names
    selection: tuple[int, int] = (0, 0)  # the name
    body: tuple[int, int] | None = None
    level: int = 0  # of a heading
    is_entry: bool = False
    is_clause: bool = False
    is_adjacent_clause: bool = False  # a clause only if no declaration stands between it and the one before
    is_member: bool = False  # does not count inside a function
    is_test: bool = False  # counts also inside a short function
    layer: int = 0  # the group of the layer in which it was found
    head: int = 0  # where the definition starts after its comments and attributes
    signature: str = ""
    doc: str = ""
    children: "list[Definition]" = field(default_factory=list)

    @property
    def head_end(self) -> int:
        """Where the part before the body ends."""
        return self.body[0] if self.body else self.selection[1]
