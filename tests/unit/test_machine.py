"""The free memory of a machine."""

from semis.machine import memory

from conftest import lay_out


def test_free_memory_respects_the_control_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "GROUPS", tmp_path)
    stat = "anon 1\ninactive_file 5\ntotal_inactive_file 7\n"
    second = {"memory.max": "100\n", "memory.current": "60\n", "memory.stat": stat}
    first = {"memory.limit_in_bytes": "90\n", "memory.usage_in_bytes": "80\n", "memory.stat": stat}
    lay_out(tmp_path / "job", second)
    lay_out(tmp_path / "job" / "step", {**second, "memory.max": "max\n"})
    lay_out(tmp_path / "memory" / "job", first)
    found = [memory.group_memory(folder) for folder in memory.group_folders(["4:cpu,memory:/job", "0::/job/step"])]
    assert found == [17, None, None, 45, None]
