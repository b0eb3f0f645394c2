"""The report of the bench says which region its numbers are of."""

import pytest

from backends.faithfulness.bench import ShortcutPlan
from backends.faithfulness.verdicts import table
from studio.export.document import ValueTable
from studio.export.faithfulness_report import faithfulness_report
from tests.backends.faithfulness.test_verdicts import PICTURES, results


@pytest.mark.parametrize(("region", "words"), [
    ("whole", "AUROC of the whole picture, "),
    ("box:23,23,30,30", "AUROC of the region box:23,23,30,30, "),
])  # fmt: skip
def test_the_first_region_is_named_above_the_summary(region, words):
    plan = ShortcutPlan(methods=["rcsb"], factors=["mark"], regions=[region], count=PICTURES)
    found = results(plan, {0.5: 0.4, 1.0: 0.8}, {"planted": 0.9, "control": 0.0, "clean": 0.0})
    document = faithfulness_report(table(plan, found), found)
    tables = [block for section in document.sections for block in section.blocks
              if isinstance(block, ValueTable)]  # fmt: skip
    assert tables[0].note.startswith(words)
