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

    @Test("a rehearsal on the CPU goes through every step, says what it is, and exits with 0")
    func rehearsal() throws {
        let workplace = try workplace()
        let result = try workplace.daris(
            "gpu-check", "--device", "cpu", "--networks", "net.onnx", "--minutes", "0.3", "--out", "made/here",
            limit: 600)
        #expect(result.exitCode == 0, "\(result.errors)")
        #expect(!result.hasTrace && result.output.contains("Rehearsal on a CPU"))
        let results = try results(workplace, "made/here")
        #expect(results["isRehearsal"] as? Bool == true && results["networks"] as? [String] == ["net"])
        let states = try states(results)
        #expect(
            Set(states.keys) == ["facts", "maps", "outputs", "profile", "batching", "sweep", "taskSets"])
        #expect(states["facts"] == "done" && states["maps"] == "skipped")
        // A slow machine may cut any of the others, or leave it nothing to build on.
        for (step, state) in states {
            #expect(["done", "skipped", "cut", "failed"].contains(state), "\(step): \(state)")
        }
        let verdicts = try #require(results["verdicts"] as? [[String: String]])
        #expect(verdicts.count == 5 && verdicts.allSatisfy { $0["state"] == "not measured" })
        for output in results["outputs"] as? [[String: Any]] ?? [] {
            #expect(try #require(output["relativeDifference"] as? Double) <= 1e-3)
        }
        for row in (results["sweep"] as? [[String: Any]] ?? []) + (results["taskSets"] as? [[String: Any]] ?? []) {
            let (demand, best) = (row["demand"] as? Double ?? 0, row["bestBatching"] as? Double ?? 0)
            #expect(abs(demand - 1.5 * best) < 1e-6 * demand)
        }
        let report = String(decoding: try workplace.read("made/here/results.md"), as: UTF8.self)
        #expect(report.contains("None says anything of a GPU"))
    }

    @Test("with next to no time every step is there all the same")
    func noTime() throws {
        let workplace = try workplace()
        let result = try workplace.daris(
            "gpu-check", "--device", "cpu", "--networks", "net.onnx", "--minutes", "0.0001", "--out", "out", limit: 300)
        #expect(result.exitCode == 0)
        let states = try states(try results(workplace, "out"))
        #expect(states.count == 7 && states["taskSets"] != "pending")
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

    @Test("over the fake driver facts are read and SM maps proven; what then fails is said, and the check goes on")
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
        for step in ["outputs", "profile", "batching"] { #expect(states[step] == "failed") }
        #expect(states["sweep"] == "failed" && states["taskSets"] != "pending")
        let steps = try #require(results["steps"] as? [[String: Any]])
        for step in steps where step["state"] as? String == "failed" {
            #expect((step["problems"] as? [String])?.isEmpty == false)
        }
    }

    @Test("without a GPU it is said in a sentence, with what would help, and nothing is written")
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
            (["--networks", ","], "--networks: name at least one network"),
        ])
    func refused(arguments: [String], message: String) throws {
        let result = try Workplace().daris(["gpu-check", "--out", "out"] + arguments)
        #expect(result.exitCode == 2)
        #expect(result.errors.contains(message), "\(result.errors)")
    }

    @Test("a profile with --output is one that daris calibrate takes, where the machine has two cores")
    func profile() throws {
        let workplace = try workplace()
        let result = try workplace.daris(
            "profile", "net.onnx", "--stages", "2", "--output", "profile.json", limit: 300)
        guard ProcessInfo.processInfo.activeProcessorCount >= 2 else {
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
