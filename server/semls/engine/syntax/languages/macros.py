"""Macros that the grammars do not know.

The groups of a pattern are blank while a file is parsed. `word` becomes a word, `call` brackets.
"""

import re

# Macros in the head of a class, and those that begin or end a namespace, or stand alone above a declaration
_CPP = re.compile(
    rb"""
    \b (?: class | struct | union | enum (?: \s+ (?: class | struct ) )? ) \b
    ( (?: \s* \[\[ [^]\n]{0,200} \]\]
        | \s+ (?: alignas | __declspec | __attribute__ | [A-Z_] [A-Z0-9_]+
            | \w* (?: EXPORT | DLLIMP | _API ) \w* ) \b
          (?: [ \t]* \( (?: [^()\n] | \( (?: [^()\n] | \( [^()\n]* \) )* \) )* \) )? ){0,5} )
    \s+ (?! \w*FINAL\b ) [A-Za-z_] [\w:]* (?: [ \t]* < [^;{}()\n]{0,200} > )?
    ( (?: \s+ [A-Z] [A-Z0-9_]+ \b ){0,2} )
    (?= \s* (?: final \b \s* )? [:{] )
  | \b namespace [ \t]+ [\w:]+ ( [ \t]+ [A-Z_] [A-Z0-9_]+ \b (?: \( [^()\n]{0,100} \) )? ) (?= \s* \{ )
  | ^ [ \t]* ( (?: [A-Z0-9_]*_ )? (?: BEGIN | END | START | STOP | OPEN | CLOSE | ENTER | EXIT | LEAVE )
        (?: _[A-Z0-9_]+ )? (?: \( [^()\n]* \) )? ) (?= [ \t\r]* $ (?! \s* \{ ) )
  | ^ [ \t]* ( [A-Z] [A-Z0-9_]+ \b (?: \( (?: [^()\n] | \( [^()\n]* \) )* \) )? )
    (?= \s* ^ [ \t]* (?: \} | (?: class | struct | union | enum | template | namespace | extern | static
        | inline | virtual | explicit | constexpr
        | public | private | protected | typedef | using | friend ) \b ) )
    """,
    re.MULTILINE | re.VERBOSE,
)

# A test of bats, which becomes a function: @test "adds up" { … }
_BASH = re.compile(
    rb"""^ [ \t]* ( @test [ \t]+ ["'] ) (?P<word> [^\n]{1,200}? ) (?P<call> ["'] [ \t] ) (?= [ \t]* \{ )""",
    re.MULTILINE | re.VERBOSE,
)

# By the names of the languages
# Conditional comments in dumps of MySQL, around definitions: /*!50003 CREATE*/ /*!50003 TRIGGER `a` … */
_MYSQL = re.compile(
    rb"""
    ( /\*!\d{5,6} )
    (?= \s{1,20} (?: create | definer | algorithm | trigger | procedure | function | event | view ) \b )
    (?: [^*/] | \*(?!/) | /(?!\*) )* ( \*/ )
    """,
    re.IGNORECASE | re.VERBOSE,
)

PATTERNS = {"sql": _MYSQL} | dict.fromkeys(("arduino", "c", "cpp", "cuda", "objc"), _CPP) | {"bash": _BASH}
