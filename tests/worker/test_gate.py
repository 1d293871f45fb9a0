"""Together, or alone."""

from threading import Event, Thread

from worker.gate import Gate


def test_many_are_inside_together() -> None:
    gate = Gate()

    with gate.together(), gate.together():
        pass


def test_one_alone_waits_for_the_others_and_holds_newcomers_back() -> None:
    gate, steps, leave, newcomer_may_come = Gate(), list[str](), Event(), Event()

    def first() -> None:
        with gate.together():
            leave.wait(5)
            steps.append("first leaves")

    def alone() -> None:
        newcomer_may_come.set()
        with gate.alone():
            steps.append("alone")

    def newcomer() -> None:
        newcomer_may_come.wait(5)
        while gate._waiting_alone == 0:
            pass
        leave.set()
        with gate.together():
            steps.append("newcomer")

    threads = [Thread(target=target) for target in (first, alone, newcomer)]
    threads[0].start()
    while gate._inside == 0:
        pass
    threads[1].start(), threads[2].start()
    [thread.join(5) for thread in threads]

    assert steps == ["first leaves", "alone", "newcomer"]
