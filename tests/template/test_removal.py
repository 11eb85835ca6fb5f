"""The page about the removal of a stack names everything that stays, and everything whose name is fixed."""

import re

from tests.client import ROOT
from tests.template.translation import Stack

PAGE = ROOT / "docs/how-to/remove-a-stack.md"


def test_the_page_deletes_each_resource_that_stays() -> None:
    """What CloudFormation retains is found by one command of the page, and each has a command that deletes it."""
    text = PAGE.read_text(encoding="utf-8")
    retained = sorted(name for name, each in Stack().resources.items() if each.get("DeletionPolicy") == "Retain")
    assert retained == ["CredentialsTable", "FailedBatchesBucket", "MediaBucket", "RecordingsTable", "SigningKey"]
    (query,) = re.findall(r"contains\('([^']+)', LogicalResourceId\)", text)
    assert sorted(query.split()) == retained
    for name in retained:
        placeholder = re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()
        assert placeholder in text.partition("Delete what stayed")[2]


def test_the_page_lists_each_fixed_name() -> None:
    """The page lists the resources whose names contain that of the stack; none of them is retained."""
    stack, names = Stack(), {}
    for name, resource in stack.resources.items():
        properties = resource.get("Properties", {})
        for value in (properties.get(each) for each in ("QueueName", "Name", "TopicName", "TableName", "BucketName")):
            if value == {"Ref": "AWS::StackName"}:
                names[name] = "tapedeck"
            elif isinstance(value, dict) and "${AWS::StackName}" in str(value):
                names[name] = value["Fn::Sub"].replace("${AWS::StackName}", "tapedeck")
        assert resource.get("DeletionPolicy") != "Retain" or name not in names
    rows = re.findall(r"^\| `(\w+)` \| `(tapedeck[\w.-]*)` \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert dict(rows) == names
