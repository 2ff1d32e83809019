import Foundation
import Testing

@Suite("Checking a GPU", .timeLimit(.minutes(15)))
struct GPUCheckTests {
    private func workplace() throws -> Workplace {
        let workplace = try Workplace()
        try workplace.write(TestModels.heavy, to: "net.onnx")
        return workplace
    }

    private func results(_ workplace: Workplace, _ folder: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: workplace.read(folder + "/results.json")) as? [String: Any])
    }

    private func states(_ results: [String: Any]) throws -> [String: String] {
        let steps = try #require(results["steps"] as? [[String: Any]])
        let pairs = steps.compactMap { step in
            (step["step"] as? String).flatMap { name in (step["state"] as? String).map { (name, $0) } }
        }
        return Dictionary(pairs) { $1 }
    }

    private static let steps: Set = [
        "facts", "loops", "largeBatches", "asBefore", "batching", "taskSets", "outputs", "unbatched", "precision",
        "pytorch", "maps", "profile", "sweep",
    ]

    @Test("a rehearsal on the CPU goes through every step, says that it is one, and exits with 0")
    func rehearsal() throws {
        let workplace = try workplace()
        let result = try workplace.daris(
            "gpu-check", "--device", "cpu", "--networks", "net.onnx", "--minutes", "0.4", "--out", "made/here",
            limit: 600)
        #expect(result.exitCode == 0, "\(result.errors)")
        #expect(!result.hasTrace && result.output.contains("Rehearsal on a CPU"))
        let results = try results(workplace, "made/here")
        #expect(results["isRehearsal"] as? Bool == true && results["networks"] as? [String] == ["net"])
        let states = try states(results)
        #expect(Set(states.keys) == Self.steps)
        #expect(states["facts"] == "done" && states["maps"] == "skipped" && states["precision"] == "skipped")
        // The script of PyTorch has no such network.
        #expect(states["pytorch"] == "skipped" && results["predictions"] == nil)
        // A slow machine may cut any of the others, or leave it nothing to build on.
        for (step, state) in states {
            #expect(["done", "skipped", "cut", "failed"].contains(state), "\(step): \(state)")
        }
        let verdicts = try #require(results["verdicts"] as? [[String: String]])
        #expect(verdicts.count == 6 && verdicts.allSatisfy { $0["state"] == "not measured" })
        for output in results["outputs"] as? [[String: Any]] ?? [] {
            #expect(try #require(output["relativeDifference"] as? Double) <= 1e-3)
        }
        for step in ["largeBatches", "asBefore", "taskSets", "sweep"] {
            for row in results[step] as? [[String: Any]] ?? [] {
                let (demand, best) = (row["demand"] as? Double ?? 0, row["bestBatching"] as? Double ?? 0)
                #expect(abs(demand - 1.5 * best) < 1e-6 * demand, "\(step)")
                #expect(row["baseline"] as? String == "batching (strict)")
                // Every dispatch is of one job on a CPU.
                #expect(row["skips"] is Int && row["migrations"] is Int && row["load"] == nil)
                for stage in try #require(row["stages"] as? [[String: Any]]) {
                    #expect(
                        stage["dispatches"] as? Int == stage["jobs"] as? Int && stage["network"] as? String == "net")
                }
            }
        }
        for loop in results["batching"] as? [[String: Any]] ?? [] {
            #expect(try #require(loop["jps"] as? Double) > 0 && loop["joules"] == nil, "a CPU counts no energy")
        }
        let report = String(decoding: try workplace.read("made/here/results.md"), as: UTF8.self)
        #expect(report.contains("None is about a GPU"))
    }

    @Test("what the minutes do not hold is left out, and the record says so")
    func leftOut() throws {
        let workplace = try workplace()
        let command = try check(workplace, mps: "exit 1", minutes: "0.2", ["FAKE_CUDA_TELL": "1"])
        let result = try command.wait(limit: 300)
        #expect(result.exitCode == 0, "\(result.errors)")
        let results = try results(workplace, "out")
        // Nothing of the fake GPU can be measured, so time is left, but not enough for a profile.
        let steps = try #require(results["steps"] as? [[String: Any]])
        let profile = try #require(steps.first { $0["step"] as? String == "profile" })
        #expect(profile["state"] as? String == "skipped")
        #expect(
            profile["problems"] as? [String] == ["left out: 0.2 minutes do not hold it; it needs 30 to 50 s"])
    }

    @Test("with almost no time every step still has a record")
    func noTime() throws {
        let workplace = try workplace()
        let result = try workplace.daris(
            "gpu-check", "--device", "cpu", "--networks", "net.onnx", "--minutes", "0.0001", "--out", "out", limit: 300)
        #expect(result.exitCode == 0)
        let states = try states(try results(workplace, "out"))
        #expect(Set(states.keys) == Self.steps && !states.values.contains("pending"))
    }

    @Test("a signal ends a check of an hour with what it has", arguments: [SIGINT, SIGTERM])
    func interrupted(signal: Int32) throws {
        let workplace = try workplace()
        let command = try workplace.start(
            ["gpu-check", "--device", "cpu", "--networks", "net.onnx", "--minutes", "60", "--out", "out"])
        try #require(command.waitUntilItHandlesSignals())
        command.send(signal)
        let result = try command.wait(limit: 300)
        #expect(result.exitCode == 0, "\(result.errors)")
        let states = try states(try results(workplace, "out"))
        #expect(states["taskSets"] == "interrupted")
    }

    @Test("with the fake driver facts are read and SM maps proven; later failures do not end the check")
    func fakeGPU() throws {
        let workplace = try workplace()
        let fake = Workplace.executableFolder + "/libFakeCUDA.so"
        let result = try workplace.daris(
            ["gpu-check", "--networks", "net.onnx", "--minutes", "30", "--out", "out"],
            environment: [
                "DARIS_CUDA_DRIVER": fake, "DARIS_NVML": fake, "FAKE_CUDA_TELL": "1", "PATH": "/nowhere",
            ], limit: 300)
        #expect(result.exitCode == 0, "\(result.errors)")
        let results = try results(workplace, "out")
        #expect(results["isRehearsal"] as? Bool == false && results["deviceName"] as? String == "Fake GPU 0")
        let states = try states(results)
        #expect(states["facts"] == "done" && states["maps"] == "done")
        let maps = try #require(results["maps"] as? [[String: Any]])
        #expect(maps.map { $0["kind"] as? String } == ["streams", "green", "green", "green", "mps"])
        for map in maps {
            let isMPS = map["kind"] as? String == "mps"
            #expect(map["isMeasured"] as? Bool == !isMPS)
            // No control program is to be found, whatever this machine has.
            #expect(
                (map["problem"] as? String)?.contains("nvidia-cuda-mps-control is not in PATH")
                    == (isMPS ? true : nil))
        }
        // ONNX Runtime's build for CPUs cannot go on; one with CUDA finds no kernels in the fake driver.
        for step in ["loops", "batching", "outputs", "profile", "sweep"] {
            #expect(states[step] == "failed", "\(step)")
        }
        #expect(!states.values.contains("pending") && states["pytorch"] == "skipped")
        let steps = try #require(results["steps"] as? [[String: Any]])
        for step in steps where step["state"] as? String == "failed" {
            #expect((step["problems"] as? [String])?.isEmpty == false)
        }
    }

    private static let fake = Workplace.executableFolder + "/libFakeCUDA.so"

    /// Checks the fake GPU, with a stand-in for MPS's control program.
    private func check(
        _ workplace: Workplace, mps script: String, minutes: String = "30", _ settings: [String: String] = [:]
    ) throws -> RunningCommand {
        try workplace.write("#!/bin/sh\n\(script)\n", to: "nvidia-cuda-mps-control")
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755], ofItemAtPath: workplace.path("nvidia-cuda-mps-control"))
        let environment = ["DARIS_CUDA_DRIVER": Self.fake, "PATH": workplace.folder + ":/usr/bin:/bin"]
        return try workplace.start(
            ["gpu-check", "--networks", "net.onnx", "--minutes", minutes, "--out", "out"],
            environment: environment.merging(settings) { $1 })
    }

    private func mpsMap(_ results: [String: Any]) throws -> [String: Any] {
        try #require((results["maps"] as? [[String: Any]])?.last { $0["kind"] as? String == "mps" })
    }

    @Test("under MPS contexts are processes of Daris' own daemon, and more SMs than their bound are no failure")
    func mps() throws {
        let workplace = try workplace()
        let control = """
            folder=$(dirname "$CUDA_MPS_PIPE_DIRECTORY")
            case "$*" in -f) echo $$ > "$folder/pid"; exec sleep 1000 ;; esac
            case "$(cat)" in quit*) kill $(cat "$folder/pid") ;; *) test -e "$folder/pid" ;; esac
            """
        let result = try check(workplace, mps: control, ["CUDA_VISIBLE_DEVICES": "5"]).wait(limit: 300)
        #expect(result.exitCode == 0, "\(result.errors)")
        let results = try results(workplace, "out")
        let map = try mpsMap(results)
        #expect(map["isMeasured"] as? Bool == true && map["problem"] == nil)
        #expect((map["remark"] as? String)?.contains("context 3 is bounded to 35 SMs, but ran on 132") == true)
        #expect(try states(results)["maps"] == "done")
    }

    @Test("a GPU for one process at a time is reported, and MPS, which the check's own context excludes, is not tried")
    func exclusive() throws {
        let workplace = try workplace()
        let command = try check(workplace, mps: "echo tried >> \(workplace.path("tried"))", ["FAKE_CUDA_MODE": "3"])
        let result = try command.wait(limit: 300)
        #expect(result.exitCode == 0, "\(result.errors)")
        let results = try results(workplace, "out")
        let facts = try #require(results["facts"] as? [[String: String]])
        #expect(facts.contains(["name": "compute mode", "value": "EXCLUSIVE_PROCESS"]))
        let map = try mpsMap(results)
        #expect(map["isMeasured"] as? Bool == false)
        #expect((map["problem"] as? String)?.contains("compute mode EXCLUSIVE_PROCESS") == true)
        #expect(!FileManager.default.fileExists(atPath: workplace.path("tried")))
    }

    @Test("a control program that hangs is killed, and MPS is not measured any more")
    func hangingMPS() throws {
        let workplace = try workplace()
        let result = try check(workplace, mps: "exec sleep 1000").wait(limit: 300)
        #expect(result.exitCode == 0, "\(result.errors)")
        let results = try results(workplace, "out")
        #expect((try mpsMap(results)["problem"] as? String)?.contains("had not ended after 15 s") == true)
        let steps = try #require(results["steps"] as? [[String: Any]])
        let problems = try #require(steps.first { $0["step"] as? String == "maps" }?["problems"] as? [String])
        #expect(problems.contains { $0.hasPrefix("mps is not measured any more: something hung") }, "\(problems)")
    }

    @Test("the daemon ends with a check that is killed")
    func orphans() throws {
        let workplace = try workplace()
        let process = workplace.path("process")
        // It never answers, so that the check waits for it.
        let command = try check(
            workplace,
            mps: """
                dirname "$CUDA_MPS_PIPE_DIRECTORY" > \(workplace.path("folder"))
                case "$*" in -f) echo $$ > \(process); exec sleep 1000 ;; esac
                exit 1
                """)
        func number() -> Int32? {
            (try? String(contentsOfFile: process, encoding: .utf8)).flatMap { Int32($0.dropLast()) }
        }
        while number() == nil { Thread.sleep(forTimeInterval: 0.01) }
        let daemon = try #require(number())
        #expect(kill(daemon, 0) == 0)
        command.send(SIGKILL)
        #expect(try command.wait(limit: 60).signal == SIGKILL)
        while kill(daemon, 0) == 0 { Thread.sleep(forTimeInterval: 0.01) }
        // The next one removes what is left; another test's may have been that.
        let folder = String(decoding: try workplace.read("folder"), as: UTF8.self).dropLast()
        try? FileManager.default.removeItem(atPath: String(folder))
    }

    @Test("a check whose context is lost ends with the reason, its results so far, and 1")
    func lost() throws {
        let workplace = try workplace()
        let result = try check(workplace, mps: "exit 1", ["FAKE_CUDA_LOSE": "700"]).wait(limit: 300)
        #expect(result.exitCode == 1)
        #expect(result.errors.contains("error: the GPU's context is lost, so nothing more can be measured"))
        #expect(result.errors.contains("what was measured before is in out/"))
        let results = try results(workplace, "out")
        var states = try states(results)
        #expect(states.removeValue(forKey: "facts") == "done")
        // Nothing of it could be measured before either, without ONNX Runtime's CUDA.
        #expect(states.removeValue(forKey: "pytorch") == "skipped")
        #expect(states.count == Self.steps.count - 2 && states.values.allSatisfy { $0 == "failed" }, "\(states)")
        #expect((results["maps"] as? [[String: Any]])?.count == 1, "nothing is measured over a lost context")
    }

    @Test("without a GPU a sentence says so, with advice, and nothing is written")
    func noGPU() throws {
        let workplace = try workplace()
        let result = try workplace.daris(
            "gpu-check", "--networks", "net.onnx", "--out", "out",
            environment: ["DARIS_CUDA_DRIVER": workplace.path("none.so")])
        #expect(result.exitCode == 1 && result.output.isEmpty)
        #expect(result.errorLines.count == 1)
        #expect(result.errorLines.first?.hasPrefix("error: there is no GPU to check: ") == true)
        #expect(result.errors.contains("'daris gpu-check --device cpu' tries the steps out on the CPU"))
        #expect(!FileManager.default.fileExists(atPath: workplace.path("out")))
    }

    @Test(
        "what cannot be meant is refused with 2",
        arguments: [
            (["--minutes", "0"], "--minutes must be above 0 and at most 600, not 0"),
            (["--device", "h200"], "--device: 'h200' cannot be checked; use cuda, cuda:1, …, or cpu for a rehearsal"),
            (["--networks", "resnet81"], "--networks: there is no network 'resnet81'; did you mean"),
            (["--pytorch", "nowhere"], "--pytorch: 'nowhere' cannot be read"),
            (["--networks", ","], "--networks: name at least one network"),
        ])
    func refused(arguments: [String], message: String) throws {
        let result = try Workplace().daris(["gpu-check", "--out", "out"] + arguments)
        #expect(result.exitCode == 2)
        #expect(result.errors.contains(message), "\(result.errors)")
    }

    @Test("daris calibrate accepts a profile of --output, on a machine with two cores")
    func profile() throws {
        let workplace = try workplace()
        let result = try workplace.daris(
            "profile", "net.onnx", "--stages", "2", "--output", "profile.json", limit: 300)
        if result.errors.contains("a profile compares partitions of two cores and more") {
            #expect(result.exitCode == 1)
            return
        }
        #expect(result.exitCode == 0, "\(result.errors)")
        let fitted = try workplace.daris(
            "calibrate", "profile.json", "--output", "card.json", "--trials", "2", limit: 300)
        #expect(fitted.exitCode == 0, "\(fitted.errors)")
        #expect(String(decoding: try workplace.read("card.json"), as: UTF8.self).contains("\"net\""))
    }
}
