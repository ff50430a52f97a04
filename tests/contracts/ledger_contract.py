"""The whole contract of a ledger (core.ports.Ledger). A test module gives the fixture `store`: an empty store for each test."""

from tests.contracts.ledger_claims import LedgerClaimContract, LedgerRequeueContract
from tests.contracts.ledger_ending import LedgerDeadLetterContract, LedgerEndContract
from tests.contracts.ledger_finish import LedgerFinishContract
from tests.contracts.ledger_slots import LedgerCancelContract, LedgerSlotContract
from tests.contracts.ledger_submission import LedgerSubmissionContract


class LedgerContract(
    LedgerSubmissionContract,
    LedgerClaimContract,
    LedgerFinishContract,
    LedgerRequeueContract,
    LedgerEndContract,
    LedgerSlotContract,
    LedgerCancelContract,
    LedgerDeadLetterContract,
):
    """Every promise of core.ports.Ledger."""
