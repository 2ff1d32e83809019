import Foundation
import Testing

@Suite("Simulating, planning and calibrating")
struct SimulationTests {
    private static let taskSet = """
        device: rtx2080ti
        partition: {contexts: 2, streams: 1, oversubscription: 2}
        models: {net: {builtin: resnet18, stages: 4}}
        tasks:
          - {name: front, model: net, rate: 30 Hz, priority: high, count: 2}
          - {name: side, model: net, rate: 60 Hz, priority: low, count: 8}
        run: {duration: 500 ms, seed: 1}
        """

    private func workplace(_ text: String = taskSet) throws -> Workplace {
        let workplace = try Workplace()
        try workplace.write(text, to: "set.yaml")
        return workplace
    }

    @Test("a simulation needs no runtime, says that it is one, and balances")
    func simulate() throws {
        let workplace = try workplace()
        let result = try workplace.daris("simulate", "set.yaml", environment: ["DARIS_ONNXRUNTIME": "/nowhere"])
        #expect(result.exitCode == 0 && result.errors.isEmpty)
        for words in [
            "Plan (simulated): NVIDIA GeForce RTX 2080 Ti", "Run (simulated): ",
            "Simulated: no high-priority job missed",
            "68 SMs", "released ",
        ] { #expect(result.output.contains(words), "\(words)") }
    }

    @Test("its JSON is that of a run, marked as simulated; the same seed gives the same bytes, also of the record")
    func json() throws {
        let workplace = try workplace()
        let one = try workplace.daris("simulate", "set.yaml", "--json", "--record", "a.jsonl")
        let other = try workplace.daris("simulate", "set.yaml", "--json", "--record", "b.jsonl")
        #expect(one.exitCode == 0 && one.output == other.output)
        #expect(try workplace.read("a.jsonl") == workplace.read("b.jsonl"))
        let report = try #require(
            JSONSerialization.jsonObject(with: Data(one.output.utf8)) as? [String: Any])
        #expect(report["simulated"] as? Bool == true && report["interrupted"] as? Bool == false)
        let plan = try #require(report["plan"] as? [String: Any])
        #expect(plan["partition_kind"] as? String == "mps" && plan["unit_name"] as? String == "SMs")
        let another = try workplace.daris("simulate", "set.yaml", "--json", "--seed", "2")
        #expect(another.output != one.output)
    }

    @Test("--strict ends with 3 where high-priority jobs are late")
    func strict() throws {
        let workplace = try workplace(
            Self.taskSet.replacingOccurrences(
                of: "rate: 30 Hz, priority: high, count: 2", with: "rate: 500 Hz, priority: high, count: 4"))
        let result = try workplace.daris("simulate", "set.yaml", "--strict")
        #expect(result.exitCode == 3 && result.errors.contains("--strict: "))
    }

    @Test(
        "what cannot be simulated or run is refused in one sentence",
        arguments: [
            (
                ["simulate", "cpu.yaml"],
                "error: device cpu is not simulated; choose a simulated one with --device rtx2080ti, "
                    + "--device h200, --device a100, --device orin or --device FILE.json\n"
            ),
            (
                ["run", "set.yaml"],
                "error: device rtx2080ti can only be simulated here: use 'daris simulate', or give "
                    + "'--device cpu' to run on this machine\n"
            ),
            (
                ["simulate", "set.yaml", "--device", "none.json"],
                "error: none.json: the device file cannot be read; is it there, and a file?\n"
            ),
            (
                ["simulate", "set.yaml", "--rules", "both"],
                "error: --rules: there are no rules 'both'; use paper or published\n"
            ),
            (
                ["simulate", "set.yaml", "--rules", "published", "--batching", "on"],
                "error: --rules: the published implementation has neither batches nor express lanes, and here batching is "
                    + "on; write paper, or 'batching: off' and 'express: 0'\n"
            ),
            (
                ["simulate", "set.yaml", "--kind", "slices"],
                "error: --kind: there is no kind 'slices'; use streams, mps, green or cores\n"
            ),
            (
                ["plan", "set.yaml", "--lp-dmr", "many"],
                "error: --lp-dmr: 'many' is not a part of a whole; write for example '2 %'\n"
            ),
            (
                ["plan", "set.yaml", "--compare", "magic"],
                "error: --compare: there is no policy 'magic'; use streams, mps, green, fifo, edf, batching\n"
            ),
            (
                ["plan", "set.yaml", "--devices", "h200"],
                "error: --devices: put at least two side by side, such as rtx2080ti,h200\n"
            ),
            (
                ["reproduce", "--measured", "nowhere"],
                "error: --measured: nowhere/results.json: the results cannot be read; give the folder that 'daris gpu-check' "
                    + "wrote\n"
            ),
            (
                ["calibrate", "none.json", "--output", "x.json"],
                "error: none.json: the profile cannot be read; is it there, and a file?\n"
            ),
            (
                ["reproduce", "--device", "gtx"],
                "error: --device: there is no simulated device 'gtx'; use rtx2080ti, h200, a100, orin, or a device file "
                    + "(NAME.json)\n"
            ),
        ])
    func refused(arguments: [String], message: String) throws {
        let workplace = try workplace()
        try workplace.write(
            "models: {m: {builtin: resnet18}}\ntasks: [{name: a, model: m, rate: 1 Hz, priority: low}]\n",
            to: "cpu.yaml")
        let limits = arguments[0] == "plan" ? ["--max-contexts", "2", "--max-streams", "2"] : []
        let result = try workplace.daris(arguments + limits, limit: 120)
        #expect(result.exitCode == (arguments[0] == "run" ? 1 : 2) && result.output.isEmpty)
        #expect(result.errors.hasSuffix(message), "\(result.errors)")
    }

    @Test("a plan is printed and written, ready to be simulated", .timeLimit(.minutes(15)))
    func plan() throws {
        let workplace = try workplace()
        let result = try workplace.daris(
            "plan", "set.yaml", "--kinds", "mps", "--max-contexts", "2", "--max-streams", "2", "--no-headroom",
            "--output", "out", limit: 240)
        #expect(result.exitCode == 0, "\(result.errors)")
        #expect(result.output.contains("Use mps ") && result.output.contains("keeps limits"))
        let chart = String(decoding: try workplace.read("out/pareto.svg"), as: UTF8.self)
        #expect(chart.hasPrefix("<svg") && chart.contains("Pareto front"))
        let plan = try workplace.daris("simulate", "out/plan.yaml", "--duration", "200ms")
        #expect(plan.exitCode == 0 && plan.output.contains("(simulated)"))
        let json = try JSONSerialization.jsonObject(with: workplace.read("out/plan.json")) as? [String: Any]
        #expect(json?["simulated"] as? Bool == true && json?["best"] != nil)
    }

    @Test("cards are put side by side, with share, energy and price", .timeLimit(.minutes(15)))
    func devices() throws {
        let workplace = try workplace()
        try workplace.write(
            "models: {m: {builtin: resnet18}}\ntasks: [{name: a, model: m, rate: 100 Hz, priority: high}]\n",
            to: "one.yaml")
        let result = try workplace.daris(
            "plan", "one.yaml", "--devices", "rtx2080ti,h200", "--kinds", "streams", "--max-contexts", "1",
            "--max-streams",
            "1", "--objective", "energy", "--price", "h200=3.6,rtx2080ti=1", "--json", limit: 240)
        #expect(result.exitCode == 0, "\(result.errors)")
        let report = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        let devices = try #require(report?["devices"] as? [[String: Any]])
        #expect(devices.map { $0["name"] as? String } == ["rtx2080ti", "h200"])
        for device in devices {
            let best = try #require(device["best"] as? [String: Any])
            let share = try #require(device["share"] as? Double)
            #expect(device["holds"] as? Bool == true && share > 0 && share < 1)
            #expect(try #require(best["joules_per_inference"] as? Double) > 0)
            #expect(try #require(device["price_of_million"] as? Double) > 0)
        }
    }

    @Test("ablations are one table and one plot", .timeLimit(.minutes(15)))
    func ablate() throws {
        let workplace = try workplace()
        let result = try workplace.daris(
            "ablate", "set.yaml", "--runs", "1", "--duration", "200ms", "--output", "out", limit: 240)
        #expect(result.exitCode == 0)
        for name in ["as given", "no staging", "EDF", "WCET", "no migration", "no admission"] {
            #expect(result.output.contains(name))
        }
        #expect(String(decoding: try workplace.read("out/ablations.svg"), as: UTF8.self).hasPrefix("<svg"))
        #expect(String(decoding: try workplace.read("out/ablations.md"), as: UTF8.self).contains("| no staging |"))
    }

    @Test("a profile becomes a device file that can be simulated on")
    func calibrate() throws {
        let workplace = try workplace()
        try workplace.write(
            """
            {"darisProfile": 1, "title": "My card", "processors": 40, "granularity": 2, "memoryMiB": 8000,
             "peakTFLOPS": 8, "bandwidthGBs": 400, "networks": [{"name": "resnet18", "memoryMiB": 120,
             "alone": [{"processors": 10, "stageMs": [1.5, 1.5]}, {"processors": 20, "stageMs": [0.9, 0.9]},
                       {"processors": 40, "stageMs": [0.6, 0.6]}],
             "loaded": [{"kind": "mps", "contexts": 2, "streams": 1, "oversubscription": 2, "stageMs": [0.9, 0.9]}],
             "batches": []}]}
            """, to: "profile.json")
        let result = try workplace.daris("calibrate", "profile.json", "--output", "card.json", "--trials", "10")
        #expect(result.exitCode == 0, "\(result.errors)")
        #expect(result.output.hasPrefix("card.json: My card, mean error of stage times under load "))
        let simulated = try workplace.daris("simulate", "set.yaml", "--device", "card.json", "--duration", "200ms")
        #expect(simulated.exitCode == 0 && simulated.output.contains("My card"))
    }
}
