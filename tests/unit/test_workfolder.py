"""Work folders of trainings."""

from semis.harness.workfolder import work_folder

from conftest import lay_out


def test_a_work_folder_belongs_to_its_data_and_settings(tmp_path):
    data = lay_out(tmp_path, {"data": "a"}) / "data"
    first = work_folder(tmp_path / "work", ["improved", {"updates": 6}], [data])
    assert first == work_folder(tmp_path / "work", ["improved", {"updates": 6}], [data])
    assert first != work_folder(tmp_path / "work", ["improved", {"updates": 7}], [data])
    data.write_text("b")
    assert first != work_folder(tmp_path / "work", ["improved", {"updates": 6}], [data])
    model = lay_out(tmp_path / "model", {"a": "1", "b/c": "2"})
    second = work_folder(tmp_path / "work", [], [data, model])
    assert second == work_folder(tmp_path / "work", [], [data, model])
    (model / "b/c").write_text("3")
    assert second != work_folder(tmp_path / "work", [], [data, model])
