from __future__ import annotations
import threading
from concurrent.futures import ThreadPoolExecutor, Executor, Future
from dataclasses import replace
from typing import Any
import pytest, torch
from darkroom.core.errors import ModelError
from darkroom.core.events import *
from darkroom.engine.engine import Engine
from darkroom.engine.profiles import Profiles
from darkroom.engine.saved import pack, unpack

def poison(tiny, what):
    original = tiny.denoise
    def denoise(latents, sigmas, conditioning):
        if any(c["words"].isnan().any() for c in conditioning): raise what
        return original(latents, sigmas, conditioning)
    tiny.denoise = denoise

@pytest.mark.parametrize("fault", [RuntimeError("mat1 and mat2"), ValueError("x"), ModelError("no"), IndexError("i"), ZeroDivisionError()])
def test_poison(tiny, ask, put, run, fault):
    alone = Engine(); put(alone, tiny, "good", 0, ask("fox guidance=2")); exp = run(alone)[1]["good",0].latent
    poison(tiny, fault)
    engine = Engine()
    put(engine, tiny, "good", 0, ask("fox guidance=2"))
    put(engine, tiny, "bad", 0, ask("fault=nan"))
    put(engine, tiny, "bad", 1, ask("fault=nan guidance=3"))
    ev, fin = run(engine)
    assert [e.job_id for e in ev if isinstance(e, ImageFailed)] == ["bad","bad"]
    assert torch.equal(fin["good",0].latent, exp)
    assert engine._state_bytes == 0

def test_layout(tiny, ask, put, run):
    from safetensors.torch import save
    seen=[]
    original=tiny.estimate
    def estimate(latents, sigmas, words):
        seen.append(latents.is_contiguous())
        return original(latents, sigmas, words).contiguous(memory_format=torch.channels_last)
    tiny.estimate=estimate
    e=Engine()
    put(e,tiny,"a",0,ask("fox sampler=ddim"))
    e.step(); e.step()
    unpack(pack(e.save("a")))
    assert all(seen)

def test_readd_after_cancel(tiny, ask, put, run):
    e=Engine()
    put(e,tiny,"a",0,ask("fox"))
    e.step()
    e.cancel("a")
    put(e,tiny,"a",0,ask("fox"))
    ev,fin=run(e)
    assert ("a",0) in fin and sum(isinstance(x, ImageCancelled) for x in ev)==1

def test_preview_fault(tiny, ask, put, run):
    for on in (None, ThreadPoolExecutor(1)):
        e=Engine(preview_every=1, preview_on=on)
        def broken(d): raise RuntimeError("out of memory")
        tiny.preview=broken
        put(e,tiny,"a",0,ask("fox")); e.step()
        e.take_previews()
        if on: on.submit(lambda: None).result()
        assert e.take_previews()==[]
        e.step()

def test_update_oom(tiny, ask, put, run, monkeypatch):
    from darkroom.engine import engine as m
    e=Engine()
    put(e,tiny,"a",0,ask("fox")); put(e,tiny,"b",0,ask("fox"))
    real=m.stepped
    def stepped(s, est, *, exact):
        if len(s)>1: raise torch.OutOfMemoryError("out of memory")
        return real(s,est,exact=exact)
    monkeypatch.setattr(m,"stepped",stepped)
    ev,fin=run(e)
    assert len(fin)==2

def test_cancel_while_encoding(tiny, ask, put, run):
    gate=threading.Event(); began=threading.Event()
    enc=tiny.encode
    def encode(texts):
        began.set(); gate.wait(5); return enc(texts)
    tiny.encode=encode
    with ThreadPoolExecutor(1) as on:
        e=Engine(encode_on=on)
        put(e,tiny,"a",0,ask("fox")); e.step(); began.wait(5)
        e.cancel("a"); e.cancel("a")
        ev=e.step()
        assert ev==[ImageCancelled(job_id="a",index=0)] and not e.busy and e.in_flight("tiny")==0
        put(e,tiny,"b",0,ask("owl")); 
        gate.set()
        ev,fin=run(e,limit=1000)
        assert list(fin)==[("b",0)]
        assert e._state_bytes==0 and not e._ready and not e._waiting

def test_cancel_while_ready(tiny, ask, put, run):
    one=Engine(); put(one,tiny,"x",0,ask("fox")); one.step(); b=one._state_bytes
    e=Engine(state_bytes_max=b+b//2)
    for i in range(3): put(e,tiny,"a",i,ask("fox"))
    put(e,tiny,"c",0,ask("fox"))
    e.step(); assert len(e._samples)==1 and e._ready
    e.cancel("a"); ev=e.step()
    assert sum(isinstance(x,ImageCancelled) for x in ev)==3
    _,fin=run(e); assert list(fin)==[("c",0)] and e._state_bytes==0
