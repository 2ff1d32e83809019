import ArgumentParser
import DarisCheck
import DarisConfiguration
import DarisCore
import DarisReport
import DarisRuntime
import Foundation

/// `daris gpu-check`.
struct GPUCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gpu-check",
        abstract: "Measure what a GPU is worth to Daris, within some minutes.",
        discussion: """
            What decides most comes first: three questions with predictions, batching alone, and the paper's task sets under \
            Daris. Then outputs against the CPU's, runs without batching, other precisions, PyTorch, SM maps, stage times for \
            'daris calibrate', and many partitions, as far as the time holds them: 15 minutes hold all, 8 and 4 the first ones. \
            Results are written after each measurement (results.json, results.md, profile.json and plots), so a check that is \
            cut off keeps what it has measured. Ctrl-C ends it with the results so far. docs/gpu-check.md explains each step.

            With --device cpu the steps are tried out on the CPU, without any result about a GPU.

            Examples:
              daris gpu-check --minutes 15 --out results/h200-2026-01-31
              daris gpu-check --device cpu --networks resnet18 --minutes 1

            A check that still runs a minute after its time is ended; its results so far remain.

            Exit codes: 0 the check ran, whatever the results; 1 there is no GPU, its context was lost, the check hung, or \
            results cannot be written; 2 an option is wrong.
            """)

    @Option(help: ArgumentHelp("The time limit in minutes, which decides about the steps.", valueName: "n"))
    var minutes = 15.0
    @Option(help: ArgumentHelp("The folder for its results, created if missing.", valueName: "folder"))
    var out = "gpu-check"
    @Option(help: ArgumentHelp("cuda, cuda:1 for the second GPU, or cpu for a rehearsal.", valueName: "name"))
    var device = DeviceKind.cuda.name
    @Option(
        help: ArgumentHelp(
            "Networks, with commas between: built-in ones, or ONNX files, which are cut into 4 stages (default: all "
                + "built in).",
            valueName: "names"))
    var networks: String?
    @Option(
        help: ArgumentHelp(
            "The script that measures PyTorch (default: pytorch-batching beside daris, or in ./Scripts).",
            valueName: "file"))
    var pytorch: String?

    func validate() throws {
        guard minutes > 0, minutes <= 600 else {
            throw ValidationError("--minutes must be above 0 and at most 600, not \(Figure.plain(minutes))")
        }
        guard [DeviceKind.cpu, .cuda].contains(DeviceKind.named(device)) else {
            throw ValidationError(
                "--device: '\(device)' cannot be checked; use cuda, cuda:1, …, or cpu for a rehearsal")
        }
    }

    func run() throws {
        var options = CheckOptions()
        options.device = device
        options.minutes = minutes
        options.folder = out
        options.version = Daris.version
        options.pytorchScript = try script()
        options.progress = { Terminal.error($0) }
        options.detail = { Terminal.progress($0) }
        if let networks { options.networks = try networks.split(separator: ",").map { try Self.network(String($0)) } }
        guard !options.networks.isEmpty else { throw Failure.usage("--networks: name at least one network") }
        let interruption = CheckInterruption()
        let signals = Interruption { interruption.set() }
        defer { signals.end() }
        let watchdog = options.isRehearsal ? nil : watchdog()
        defer { watchdog?.end() }
        let results: CheckResults
        let loss: String?
        do {
            let check = try GPUCheck(options, interruption: interruption)
            results = try check.run()
            loss = check.loss
        } catch { throw Failure.failed(error) }
        Terminal.endProgress()
        try Terminal.print(CheckReport(results).text(styling: Terminal.styling) + "\n\nwritten to \(out)/")
        if let loss { throw Failure(message: "\(loss); what was measured before is in \(out)/", exitCode: 1) }
    }

    /// The script that measures PyTorch; `nil` if there is none.
    private func script() throws(Failure) -> String? {
        if let pytorch {
            guard FileManager.default.isReadableFile(atPath: pytorch) else {
                throw Failure.usage("--pytorch: '\(pytorch)' cannot be read")
            }
            return pytorch
        }
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let folders = [URL(fileURLWithPath: program).deletingLastPathComponent().path, "Scripts"]
        return folders.map { $0 + "/pytorch-batching" }.first { FileManager.default.isReadableFile(atPath: $0) }
    }

    /// A watchdog that ends this process, and all that it has started, if the check hangs.
    private func watchdog() -> CheckWatchdog {
        let limit = Nanoseconds.seconds(minutes * 60) + CheckOptions.grace
        return CheckWatchdog(limit: limit) { [out] in
            Terminal.endProgress()
            Terminal.error(
                "error: the check hangs: it had not ended a minute after its time; what it measured before is in \(out)/"
            )
            _exit(1)
        }
    }

    private static func network(_ name: String) throws(Failure) -> CheckNetwork {
        if let builtin = CheckNetwork.builtins.first(where: { $0.name == name }) { return builtin }
        guard FileManager.default.fileExists(atPath: name) else {
            let known = CheckNetwork.builtins.map(\.name)
            throw Failure.usage(
                "--networks: there is no network '\(name)';\(Spelling.suggestion(for: name, among: known)) built in are "
                    + "\(known.joined(separator: ", ")), and there is no such file")
        }
        let base = URL(fileURLWithPath: name).deletingPathExtension().lastPathComponent
        return CheckNetwork(name: base, source: .file(name), stages: 4)
    }
}
