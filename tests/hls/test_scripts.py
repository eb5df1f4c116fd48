"""Scripts for tools and boards, on stand-ins for the tools."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.hls.branches import residual_network
from tests.hls.projects import dense_network, write_project

from bnnc.errors import BnncError
from bnnc.hls.model.parts import BOARDS

ZYNQ_BOARDS = [name for name, board in BOARDS.items() if board.part.ps]
TOOL = """
proc unknown {command args} { record [list $command {*}$args]; return $command }
foreach command {open_project set_top add_files open_solution set_part create_clock csim_design csynth_design
    cosim_design export_design create_project set_property update_ip_catalog create_bd_design
    assign_bd_address
    validate_bd_design save_bd_design launch_runs wait_on_run open_run report_utilization apply_bd_automation
    report_timing_summary write_hw_platform read_verilog synth_design opt_design place_design phys_opt_design
    route_design} {
    proc $command args "record \\[list $command {*}\\$args\\]; return {}"
}
proc create_bd_cell args { record [list create_bd_cell {*}$args]; return [lindex $args end] }
proc connect_bd_net args { record [list connect_bd_net {*}$args] }
proc connect_bd_intf_net args { record [list connect_bd_intf_net {*}$args] }
proc get_bd_cells args { return [lindex $args 0] }
proc get_bd_pins args { return [lindex $args 0] }
proc get_bd_intf_pins args {
    if {[lindex $args 0] ne "-of_objects"} { return [lindex $args 0] }
    return [lindex $args 1]/[expr {[string match *Slave* $args] ? "in" : "out"}]
}
proc get_property {name what} { return [dict get {PROGRESS 100% DIRECTORY runs SLACK 1.5} $name] }
rename file tcl_file
proc file {what args} {
    if {$what in {copy mkdir}} { record [list file $what {*}$args]; return {} }
    return [tcl_file $what {*}$args]
}
proc exit args {}
"""


def ran(script: Path) -> list[tuple[str, ...]]:
    """The commands that a script gives to its tool."""
    tkinter = pytest.importorskip("tkinter", reason="Python was built without Tcl")
    interpreter: Any = tkinter.Tcl()
    commands: list[tuple[str, ...]] = []
    interpreter.createcommand("record", lambda line: commands.append(interpreter.splitlist(line)))
    interpreter.eval(TOOL)
    interpreter.eval(f"source {{{script}}}")
    return commands


def project(folder: Path, board: str, sizes: tuple[int, ...] = (16, 6, 4), **options: object) -> Path:
    """A project whose tools have written what the scripts look for."""
    write_project(dense_network(sizes), folder, part=board, clock_mhz=BOARDS[board].clock_mhz, **options)
    exported = [f"net_hls/solution/impl/{file}" for file in ("ip/component.xml", "verilog/net_top.v")]
    for made in (*exported, "vivado/net.gen/sources_1/bd/system/hw_handoff/system.hwh"):
        (folder / made).parent.mkdir(parents=True)
        (folder / made).touch()
    return folder


@pytest.mark.parametrize("board", ZYNQ_BOARDS)
@pytest.mark.parametrize("control", ["axilite", "none"])
def test_block_design(board: str, control: str, tmp_path: Path) -> None:
    """All cells hang on one clock and one reset; data go from the DMA engine through the block and back."""
    commands = ran(project(tmp_path, board, control=control) / "scripts" / "block_design.tcl")
    cells = {command[-1] for command in commands if command[0] == "create_bd_cell"}
    assert cells == {"ps", "reset", "control", "memory", "dma", "words", "accelerator", "packets"}
    nets = [command[1:] for command in commands if command[0] == "connect_bd_net"]
    buses = {command[1:] for command in commands if command[0] == "connect_bd_intf_net"}
    ps_clock = "ps/pl_clk0" if BOARDS[board].part.ps == "zynq_ultra_ps_e" else "ps/FCLK_CLK0"
    clocked = {sink.split("/")[0] for source, sink in nets if source == ps_clock}
    assert clocked == cells
    reset = {sink.split("/")[0] for source, sink in nets if source == "reset/peripheral_aresetn"}
    assert reset == cells - {"ps", "reset"}
    streams = {("dma/M_AXIS_MM2S", "accelerator/in"), ("packets/s_axis", "accelerator/out")}
    assert buses >= streams | {("packets/m_axis", "dma/S_AXIS_S2MM")}
    assert any("accelerator/s_axi_control" in bus for bus in buses) == (control == "axilite")
    assert ("connect_bd_net", "words/gpio_io_o", "packets/words") in commands
    (created,) = (command for command in commands if command[0] == "create_project")
    assert created[-1] == BOARDS[board].part.number
    assert any(BOARDS[board].board_part in command for command in commands)


def test_block_design_states_the_ports(tmp_path: Path) -> None:
    folder = tmp_path
    write_project(
        dense_network((16, 6, 4)), folder, part="pynq-z2", clock_mhz=100, folding={"input": {"lanes": 8}}
    )
    script = (folder / "scripts" / "block_design.tcl").read_text()
    assert "c_m_axis_mm2s_tdata_width 64" in script and "c_m_axi_mm2s_data_width 64" in script
    assert "C_DOUT_DEFAULT 0x00000001" in script and "PERIPHERAL_FREQMHZ 100]" in script


def test_words_that_no_dma_engine_has_are_split(tmp_path: Path) -> None:
    folding = {"output": {"lanes": 3}}
    commands = ran(
        project(tmp_path, "pynq-z2", sizes=(16, 6, 3), folding=folding) / "scripts" / "block_design.tcl"
    )
    assert ("connect_bd_intf_net", "width/S_AXIS", "accelerator/out") in commands
    assert ("connect_bd_intf_net", "width/M_AXIS", "packets/s_axis") in commands
    text = (tmp_path / "scripts" / "block_design.tcl").read_text()
    assert "c_s_axis_s2mm_tdata_width 32" in text and "C_DOUT_DEFAULT 0x00000003" in text
    assert "OUT_WORDS = 3" in (tmp_path / "driver" / "pynq" / "net_pynq.py").read_text()


def test_weights_in_memory_have_a_port_and_a_register(tmp_path: Path) -> None:
    folding = {"fc0": {"pe": 2, "simd": 8, "weights": "ddr"}}
    commands = ran(project(tmp_path, "zcu104", folding=folding) / "scripts" / "block_design.tcl")
    assert ("connect_bd_intf_net", "accelerator/m_axi_fc0_mvtu_weights", "memory/S02_AXI") in commands
    (memory,) = (command for command in commands if command[0] == "set_property" and command[-1] == "memory")
    assert memory[2:3] == ("CONFIG.NUM_SI 3 CONFIG.NUM_MI 1",)
    with pytest.raises(BnncError, match="addresses in registers; leave it out, or keep the weights inside"):
        write_project(dense_network((16, 6, 4)), tmp_path / "none", folding=folding, control="none")


def test_block_design_without_the_ip(tmp_path: Path) -> None:
    tkinter = pytest.importorskip("tkinter", reason="Python was built without Tcl")
    write_project(dense_network((16, 6, 4)), tmp_path, part="pynq-z2")
    with pytest.raises(tkinter.TclError, match="run scripts/vitis_hls.tcl first"):
        ran(tmp_path / "scripts" / "block_design.tcl")


@pytest.mark.parametrize("part", ["arty-a7-100", "xc7z020"])
def test_no_block_design_without_a_board_of_zynq(part: str, tmp_path: Path) -> None:
    write_project(dense_network((16, 6, 4)), tmp_path, part=part)
    assert not (tmp_path / "scripts" / "block_design.tcl").exists()
    wanted = "has no processing system" if part.startswith("arty") else "With the name of a board"
    assert wanted in (tmp_path / "README.md").read_text()


def test_vitis_script(tmp_path: Path) -> None:
    commands = [command[0] for command in ran(project(tmp_path, "kv260") / "scripts" / "vitis_hls.tcl")]
    steps = ["csim_design", "csynth_design", "cosim_design", "export_design"]
    assert [command for command in commands if command in steps] == steps


def test_out_of_context_script(tmp_path: Path) -> None:
    commands = ran(project(tmp_path, "arty-a7-100") / "scripts" / "out_of_context.tcl")
    assert (
        "synth_design",
        "-top",
        "net_top",
        "-part",
        "xc7a100tcsg324-1",
        "-mode",
        "out_of_context",
    ) in commands


PACKETS = """
#include "Vpackets.h"
#include "verilated.h"
#include <stdio.h>

int main() {
    Vpackets packets; // of 32 bits
    unsigned next = 0, received = 0;
    packets.words = 5;
    for (int cycle = 0; cycle < 400; cycle++) {
        packets.aresetn = cycle > 3;
        packets.s_axis_tvalid = cycle > 3 && cycle % 3 != 1;
        packets.m_axis_tready = cycle % 7 != 2;
        packets.s_axis_tdata = next;
        packets.aclk = 0;
        packets.eval();
        const bool moves = packets.aresetn && packets.m_axis_tvalid && packets.m_axis_tready;
        if (moves) {
            if (packets.m_axis_tdata != received) return 1;
            if (packets.m_axis_tlast != (received % 5 == 4)) return 2;
            received++;
        }
        if (packets.s_axis_tready != packets.m_axis_tready) return 3;
        packets.aclk = 1;
        packets.eval();
        if (moves) next++;
    }
    printf("%u", received);
    return received > 200 ? 0 : 4;
}
"""


def test_packets_end_behind_as_many_words_as_they_are_to_have(tmp_path: Path) -> None:
    if shutil.which("verilator") is None:
        pytest.skip("verilator is not on PATH")
    write_project(dense_network((16, 6, 4)), tmp_path, part="pynq-z2")
    (tmp_path / "main.cpp").write_text(PACKETS)
    verilog = str(tmp_path / "scripts" / "packets.v")
    build = ["verilator", "--cc", "--exe", "--build", "-Wall", "--top-module", "packets", "-GBITS=32"]
    done = subprocess.run(
        [*build, verilog, "main.cpp"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        subprocess.run([tmp_path / "obj_dir" / "Vpackets"], capture_output=True, check=False).returncode == 0
    )


def test_fifos_for_bambu_hold_what_the_deepest_needs(tmp_path: Path) -> None:
    import xml.etree.ElementTree as ElementTree

    entry = write_project(residual_network(), tmp_path)
    fifos: Any = entry["fifos"]
    root = ElementTree.parse(tmp_path / "scripts" / "bambu_fifos.xml").getroot()
    (bits,) = (int(node.text or "") for node in root.iter("parameter"))
    deepest = max(fifo["depth"] for fifo in fifos)
    assert 2**bits - 1 >= deepest > 2 ** (bits - 1) - 1
