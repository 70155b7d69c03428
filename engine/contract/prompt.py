"""What the root is told of the contract: how to say what can be checked, and what becomes of everything else."""

from analysis.asking import DESCRIBABLE

_RULES = """\
Your final answer is checked against the window before anybody reads it.
- Every number is a claim. Give the claim an id and write its reference in the text: "page_down fails in {{c1}}". The
  reference is replaced by what the check finds: a rate reads "63 of 64 (98.4 %)", {{c1.rate}} "98.4 %", {{c1.affected}}
  "63", a quote is quoted. A sentence with any other number, date or percentage is dropped; so is one with an id that no
  tool has shown you, a quotation that no claim bears, or a claim that is wrong.
- Claims: count {{ask, value}}, rate {{numerator, denominator, value as a fraction}}, exists {{trace_id, span_id, field,
  quote}} (exactly what stands there), order {{first, then}} (spans as trace_id and span_id), absence {{ask}},
  comparison {{left, right, relation: higher, lower or different}} (each side {{affected, of}}). Each has its `type`. A
  value may be left out: then the evidence answers it.
- An ask is {{query, args, answer}}. The query `spans` counts the spans that agree with all its args (equal, no
  patterns; kind is LLM, TOOL, AGENT …, status OK, ERROR or UNSET): {described}. Any query that get_findings names can
  be asked with the args shown there. Both answer affected_spans (taken when you name none), opportunities,
  affected_traces and traces.
- A finding {{title, category, owner, severity, confidence, explanation, fix, measure, quotes, claims, about}} rests on
  a measure {{affected: ask, of: ask}}, on quotes {{trace_id, span_id, field, quote}} or on ids of claims; with none
  that stands it is dropped. Its texts say "{{measure}}" for its counts, the answer "{{f1}}" for the first finding's.
  `about` is the fingerprint of the finding of get_findings that it explains. owner is harness, prompt, tool,
  environment, provider, model or unknown; severity critical, high, medium, low or info.
- A name with digits, and code as path:line, stands in backticks, as it was shown. Number words from "two" on, fractions
  and "twice" are numbers as well. Four words or more in quotation marks, backticks, italics or a blockquote are a
  quotation, which a claim has to bear. In a fix, code may hold numbers and new wording.
- What does not stand is told you once; what still does not is dropped.
Example of the arguments: {{"answer": "page_down fails in {{c1}}: it takes no arguments and is given one.", "claims":
{{"c1": {{"type": "rate", "numerator": {{"query": "spans", "args": {{"tool": "page_down", "status": "ERROR"}}}},
"denominator": {{"query": "spans", "args": {{"tool": "page_down"}}}}}}}}, "findings": []}}"""


def contract_rules() -> str:
    """The contract, in words for a system prompt."""
    return _RULES.format(described=", ".join(DESCRIBABLE))
