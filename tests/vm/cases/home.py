"""home.py start RECORDER: begins to burn /tmp/one in a detached session, and says the job. home.py wait JOB: waits for its end."""

import sys


from client import ROOT, Client, options

client = Client()
if sys.argv[1] == "start":
    recorder = f"{ROOT}/recorders/{sys.argv[2]}"
    session = client.call(ROOT, "DiscMaster", "Open", "a{sv}", options(recorder=recorder, detached=True))
    joliet = client.call(session, "Session", "SetActiveDiscMasterFormat", "s", "joliet")
    client.call(session, "Session", "SetActiveDiscRecorder", "oa{sv}", recorder, {})
    client.call(joliet, "Joliet", "AddPath", "sa{sv}", "/tmp/one", options(wait=True))
    print(client.call(session, "Session", "RecordDisc", "a{sv}", options(verify="full")))
else:
    result = client.wait(sys.argv[2])
    success, _, message, details = client.call(sys.argv[2], "Job", "GetResult")
    print(result, message, details)
    if not success or not details.get("verified-full"):
        sys.exit(1)
    client.call(client.get(sys.argv[2], "Job", "Session"), "Session", "Close")
