import DarisCore
import Foundation
import Testing

@testable import DarisCheck

@Suite("PyTorch in a check", .timeLimit(.minutes(15)))
struct PyTorchTests {
    /// A check of ResNet18 in its step of PyTorch, with a shell script in place of the Python one.
    private func check(
        script: String?, seconds: Double = 60, networks: [CheckNetwork] = [CheckNetwork.builtins[0]],
        interruption: CheckInterruption = CheckInterruption()
    ) throws -> GPUCheck {
        var options = CheckOptions()
        options.device = "cpu"
        options.networks = networks
        options.folder = NSTemporaryDirectory() + "/daris-pytorch-\(UUID().uuidString)"
        options.python = "/bin/sh"
        options.pytorchScript = script.map { _ in options.folder + "/script" }
        let check = try GPUCheck(options, interruption: interruption)
        if let script { try Data(script.utf8).write(to: URL(fileURLWithPath: options.folder + "/script")) }
        check.step = .pytorch
        check.deadline = check.clock.now + .seconds(seconds)
        return check
    }

    private func remove(_ check: GPUCheck) { try? FileManager.default.removeItem(atPath: check.folder.path) }

    private static let line =
        #"{"network": "resnet18", "precision": "half", "compiled": false, "batch": 64, "jps": 9.5}"#

    @Test("what the script measures and remarks is kept; what else it prints is not")
    func records() throws {
        let check = try check(
            script: """
                echo 'Warning: something'
                echo '\(Self.line)'
                echo '{"remark": "asked for '$2' on '$6'"}'
                """)
        defer { remove(check) }
        try check.measurePyTorch()
        #expect(
            check.results.pytorch
                == [PyTorchRecord(network: "resnet18", precision: "half", compiled: false, batch: 64, jps: 9.5)])
        #expect(check.results[.pytorch].state == .done)
        #expect(check.results[.pytorch].problems == ["asked for resnet18 on cpu"])
        let data = try Data(contentsOf: URL(fileURLWithPath: check.folder.path + "/results.json"))
        #expect(try JSONDecoder().decode(CheckResults.self, from: data).pytorch.count == 1)
    }

    @Test("a script that takes too long is ended, and what it measured before is kept")
    func limit() throws {
        let check = try check(script: "echo '\(Self.line)'; exec sleep 1000", seconds: 0.5)
        defer { remove(check) }
        try check.measurePyTorch()
        #expect(check.results.pytorch.count == 1 && check.results[.pytorch].state == .cut)
    }

    @Test("a script that fails, or measures nothing, is skipped with its reason")
    func failure() throws {
        let failing = try check(script: "echo 'no module' >&2; exit 1")
        defer { remove(failing) }
        try failing.measurePyTorch()
        #expect(failing.results[.pytorch].state == .skipped)
        #expect(failing.results[.pytorch].problems.first?.hasSuffix("exit code 1: no module") == true)
        let idle = try check(script: #"echo '{"remark": "PyTorch cannot be imported"}'"#)
        defer { remove(idle) }
        try idle.measurePyTorch()
        #expect(idle.results[.pytorch].state == .skipped)
        #expect(idle.results[.pytorch].problems == ["PyTorch cannot be imported"])
    }

    @Test("without a script, or without a network that it has, the step is skipped, which its record says")
    func skipped() throws {
        let file = CheckNetwork(name: "resnet18", source: .file("resnet18.onnx"), stages: 1)
        for check in [try check(script: nil), try check(script: "exit 9", networks: [file])] {
            defer { remove(check) }
            try check.measurePyTorch()
            #expect(check.results[.pytorch].state == .skipped && check.results[.pytorch].problems.count == 1)
        }
    }

    @Test("an interruption ends the script")
    func interrupted() throws {
        let interruption = CheckInterruption()
        interruption.set()
        let check = try check(script: "exec sleep 1000", interruption: interruption)
        defer { remove(check) }
        try check.measurePyTorch()
        // A script that was ended by its limit would have left a remark.
        #expect(check.results.pytorch.isEmpty && check.results[.pytorch].problems.isEmpty)
    }
}
