"""Predicates: a boolean expression over a model's fields, in one JSON form with one meaning.

`text.parse` reads SQL text, `expression.expressed` an expression of columns; the kernel renders the
JSON form to SQL (`ablo.predicate_sql`, which describes it); `evaluate.compile_test` makes a test of
Python values. A differential test compares the last two. Pure.
"""
