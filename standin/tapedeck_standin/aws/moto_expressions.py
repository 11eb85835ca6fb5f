"""Faster update expressions for moto's DynamoDB, with unchanged results (moto is pinned).

moto parses an expression several times, copies its tree for each use, and visits the tree once for each of ten checks.
Two of the checks look at all clauses below each node, which takes most of the time of a test with many writes.
"""

import functools
from collections.abc import Callable
from typing import Any, Final

from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.parsing import ast_nodes, expressions
from moto.dynamodb.parsing.validators import (
    ActionCountValidator,
    OverlappingPathsValidator,
    UpdateExpressionValidator,
)

_nodes: Any = ast_nodes  # has no types
DepthFirstTraverser, Node, UpdateExpression = _nodes.DepthFirstTraverser, _nodes.Node, _nodes.UpdateExpression
UpdateExpressionParser: Any = vars(expressions)["UpdateExpressionParser"]

_CHECKS_OF_ALL_CLAUSES: Final = (ActionCountValidator, OverlappingPathsValidator)
"""They look at all clauses below a node: if nothing is wrong at the root, nothing is wrong at any node below."""

_DOES_NOTHING: Final = DepthFirstTraverser.pre_processing_of_child

_EXPRESSIONS: Final = 1_000
"""Different update expressions whose trees are kept; the service sends fewer than a hundred."""


def _quick_validator(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def __init__(  # noqa: N807 - replaces it
        self: Any,  # noqa: ANN401 - moto's
        expression: Any,  # noqa: ANN401 - moto's
        **others: Any,  # noqa: ANN401 - moto's
    ) -> None:
        original(self, None, **others)
        self.node_to_validate = _copied(expression, None)

    return __init__


def _copied(node: Any, parent: Any) -> Any:  # noqa: ANN401 - moto's
    """Return a copy of a tree as it was parsed: its leaves are strings and numbers."""
    if not isinstance(node, Node):
        return node
    copy = object.__new__(type(node))
    copy.__dict__.update(node.__dict__)
    copy.parent = parent
    if node.children is not None:
        copy.children = [_copied(child, copy) for child in node.children]
    return copy


def _quick_traversal(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def traverse(self: Any, node: Any) -> Any:  # noqa: ANN401 - moto's
        if isinstance(self, _CHECKS_OF_ALL_CLAUSES) and isinstance(node, UpdateExpression):
            try:
                return self.process(node)
            except MockValidationException:
                return original(self, node)  # finds the same fault, but perhaps another one first
        return _Traversal(self).visit(node, -1)

    return traverse


class _Traversal:
    """One visit of all nodes, with the class of each node looked up once."""

    def __init__(self, traverser: Any) -> None:  # noqa: ANN401 - moto's
        self._processors = tuple(traverser._processing_map().items())  # noqa: SLF001 - no other way in
        self._before_child = (
            traverser.pre_processing_of_child if type(traverser).pre_processing_of_child is not _DOES_NOTHING else None
        )
        self._known: dict[type, tuple[bool, Any]] = {}

    def visit(self, node: Any, child_id: int) -> Any:  # noqa: ANN401 - moto's
        """Process the nodes below a node, and then the node itself."""
        is_node, processor = self._known.get(type(node)) or self._look_up(type(node))
        if not is_node:
            return node
        parent = node.parent
        for number, child in enumerate(node.children or ()):
            if self._before_child is not None:
                self._before_child(node, number)
            self.visit(child, number)
        if processor is not None:
            node = processor(node)
            node.parent = parent
            if parent:
                parent.children[child_id] = node
        return node

    def _look_up(self, kind: type) -> tuple[bool, Any]:
        is_node = issubclass(kind, Node)
        processor = next((each for handled, each in self._processors if is_node and issubclass(kind, handled)), None)
        self._known[kind] = is_node, processor
        return is_node, processor


EXPRESSION_PATCHES: Final[tuple[tuple[type, str, Any], ...]] = (
    # moto validates a copy of the tree, and does not change the tree itself.
    (UpdateExpressionParser, "make", functools.lru_cache(_EXPRESSIONS)(UpdateExpressionParser.make)),
    (UpdateExpressionValidator, "__init__", _quick_validator(UpdateExpressionValidator.__init__)),
    (DepthFirstTraverser, "traverse", _quick_traversal(DepthFirstTraverser.traverse)),
)
"""Class, attribute and its replacement, which wraps moto's."""
