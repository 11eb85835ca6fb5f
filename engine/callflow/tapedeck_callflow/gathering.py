"""`<Gather>`: prompts that a key or speech interrupts, then digits or speech until a key or a silence ends them."""

from dataclasses import dataclass, field
from typing import Final, Literal

from tapedeck_callflow.effects import Cancel, Listen, Notify, Play, Stop, Timer, Unlisten
from tapedeck_callflow.events import Digit, Event, Played, SpeechEnded, SpeechStarted, TimerFired
from tapedeck_callflow.prompts import SECOND_MS, item_of, note_failure
from tapedeck_callflow.run import Outcome, Request, Run, Steps
from tapedeck_callflow.verbs import Gather, Pause, Prompt

STABILITY: Final = "0.9"


@dataclass(slots=True)
class _Input:
    """What has come in: digits or speech, whichever came first."""

    verb: Gather
    digits: str = ""
    finished_on: str = ""
    texts: list[str] = field(default_factory=list)
    confidence: str = ""
    kind: Literal["digits", "speech"] | None = None

    def accepts(self, event: Event | None) -> bool:
        """Return whether an event is input that this verb collects now."""
        if isinstance(event, Digit):
            # Before any digit, the key that finishes does nothing.
            finishes = event.digit == self.verb.finish_on_key and not self.digits
            return self.verb.digits and self.kind != "speech" and not finishes
        return isinstance(event, SpeechStarted | SpeechEnded) and self.verb.speech and self.kind != "digits"

    def take(self, event: Event) -> Literal["done", "wait", "go on"]:
        """Add input. `wait`: no timer runs until the speech is over; `go on`: the timer starts again."""
        if isinstance(event, Digit):
            return self._take_digit(event.digit)
        self.kind = "speech"
        if isinstance(event, SpeechStarted):
            return "wait"
        if isinstance(event, SpeechEnded):
            self.texts.append(event.text)
            self.confidence = event.confidence
        return "go on"

    def _take_digit(self, digit: str) -> Literal["done", "go on"]:
        if digit == self.verb.finish_on_key:
            self.finished_on = digit
            return "done"
        self.kind = "digits"
        self.digits += digit
        return "done" if len(self.digits) == self.verb.num_digits else "go on"

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    @property
    def timeout_ms(self) -> int:
        seconds = self.verb.speech_timeout if self.kind == "speech" else self.verb.timeout
        return seconds * SECOND_MS


class _Collection:
    """One execution of a `<Gather>`; `_open` is the prompt or timer that runs."""

    def __init__(self, run: Run, verb: Gather) -> None:
        self._run = run
        self._verb = verb
        self._input = _Input(verb)
        self._listening = False
        self._play: int | None = None
        self._timer: int | None = None

    def collect(self) -> Steps[_Input]:
        """Collect the input.

        Raises:
            Interrupted: see `Run.event`; nothing plays or listens any more.
        """
        try:
            if self._verb.barge_in:
                self._listen()
            done = yield from self._play_prompts()
            if not self._listening:
                self._listen()
            if not done:
                yield from self._wait_for_input()
        finally:
            self._stop()
        return self._input

    def _listen(self) -> None:
        self._run.emit(Listen, self._verb.digits, self._verb.speech, self._verb.hints)
        self._listening = True
        self._run.waits_for(*_waits_for(self._verb))

    def _stop(self) -> None:
        self._stop_play()
        self._cancel_timer()
        if self._listening:
            self._run.emit(Unlisten)
            self._listening = False

    def _stop_play(self) -> None:
        if self._play is not None:
            self._run.emit(Stop, self._play)
            self._play = None

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._run.emit(Cancel, self._timer)
            self._timer = None

    def _start_timer(self, ms: int) -> None:
        self._cancel_timer()
        self._timer = self._run.emit(Timer, ms)

    def _play_prompts(self) -> Steps[bool]:
        """Play the prompts until input stops them. Returns: whether the input is complete."""
        for prompt in self._verb.prompts:
            self._begin(prompt)
            while self._play is not None or self._timer is not None:
                event = yield from self._run.event()
                if self._ends(event):
                    self._play = self._timer = None
                elif event is not None and self._listening and self._input.accepts(event):
                    self._stop_play()
                    self._cancel_timer()
                    return self._follow(event)
        self._start_timer(self._input.timeout_ms)
        return False

    def _begin(self, prompt: Prompt) -> None:
        if isinstance(prompt, Pause):
            self._start_timer(prompt.length * SECOND_MS)
        else:
            self._play = self._run.emit(Play, item_of(self._run, prompt), prompt.loop)

    def _ends(self, event: Event | None) -> bool:
        """Return whether an event is the end of the prompt or timer that runs."""
        if isinstance(event, Played) and event.n == self._play:
            note_failure(self._run, event)
            return True
        return isinstance(event, TimerFired) and event.n == self._timer

    def _follow(self, event: Event) -> bool:
        """Take input, and start the timer that it needs. Returns: whether the input is complete."""
        what = self._input.take(event)
        if what == "wait":
            self._cancel_timer()
        elif what == "go on":
            self._start_timer(self._input.timeout_ms)
        return what == "done"

    def _wait_for_input(self) -> Steps[None]:
        while True:
            event = yield from self._run.event()
            if self._ends(event):
                self._timer = None
                return
            if event is not None and self._input.accepts(event) and self._follow(event):
                return


def gather(run: Run, verb: Gather) -> Steps[Outcome]:
    """Execute a `<Gather>`: the request with what came in, or None when nothing did."""
    collected = yield from _Collection(run, verb).collect()
    parameters = _parameters(run, collected)
    if not parameters and not verb.action_on_empty_result:
        return None
    if collected.text:
        _report_partial_result(run, verb, collected.text)
    if run.facts.dialect == "twilio":
        parameters["msg"] = "Gather End"
    return action_or_current(run, verb.action, verb.method, parameters)


def action_or_current(run: Run, action: str | None, method: str, parameters: dict[str, str]) -> Request:
    """Return the request for the `action` of a verb; without one, for the current document.

    Raises:
        InstructionError: there is no absolute URL (11100).
    """
    current = run.place.url if run.place is not None else None
    url = action if action is not None else current or ""
    return run.resolve(url, lambda absolute: Request(absolute, method, "action", parameters))


def _parameters(run: Run, collected: _Input) -> dict[str, str]:
    if collected.kind == "digits":
        finished = {"FinishedOnKey": collected.finished_on} if collected.finished_on else {}
        return {"Digits": collected.digits, **(finished if run.facts.dialect == "twilio" else {})}
    if collected.text:
        return {"SpeechResult": collected.text, "Confidence": collected.confidence}
    return {}


def _report_partial_result(run: Run, verb: Gather, text: str) -> None:
    callback = run.callback(verb.partial_result_callback)
    if callback is not None:
        parameters = {"UnstableSpeechResult": text, "Stability": STABILITY, "SequenceNumber": "0"}
        run.emit(Notify, callback.url, callback.method, parameters)


def _waits_for(verb: Gather) -> tuple[str, ...]:
    return (*(("digits",) if verb.digits else ()), *(("speech",) if verb.speech else ()))
