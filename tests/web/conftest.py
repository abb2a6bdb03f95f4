"""What most tests of pages begin with: a department with a mailbox, and an agent of it."""

import pytest
from sqlalchemy.orm import Session

from inbox.core.models import Agent, Department
from inbox.testing.factories import make_agent, make_department, make_mailbox


@pytest.fixture
def support(session: Session) -> Department:
    return make_mailbox("help@desk.example", department=make_department("Support")).department


@pytest.fixture
def kari(support: Department) -> Agent:
    return make_agent("Kari", departments=[support])
