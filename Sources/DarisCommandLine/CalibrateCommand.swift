import ArgumentParser
import DarisReport
import DarisSimulator
import Foundation

/// `daris calibrate [PROFILE]`.
struct CalibrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calibrate",
        abstract: "Fit a simulated device to measurements.",
        discussion: """
            With the folder of a check (daris gpu-check --out FOLDER) the result is a device file for that card: the times \
            and the work of batches, and how stages slow each other down, fitted to batches in closed loops and to stage \
            times beside busy neighbours. With a profile alone (a file of stage times measured by SM quota and under load; \
            docs/gpu-model.md describes it) kernels count as launched one by one. Without either, the RTX 2080 Ti is fitted \
            to the figures that the paper's authors published. The built-in devices were made so; it takes some minutes.

            The same measurements give the same device.

            Examples:
              daris calibrate results/h200-2026-11-26-2 --output my-card.json
              daris calibrate profile.json --output my-card.json
              daris calibrate --output rtx2080ti.json --trials 1000
            """)

    @Argument(help: "The folder of a check, or a profile measured on a card; without one, the published figures.")
    var profile: String?
    @Option(help: ArgumentHelp("The device file to write.", valueName: "file"))
    var output: String
    @Option(help: ArgumentHelp("The number of parameter sets to try.", valueName: "n"))
    var trials = 600
    @Option(
        help: ArgumentHelp(
            "Start from this device or device file instead of a first guess.", valueName: "name"))
    var from: String?

    func validate() throws {
        guard (1...100_000).contains(trials) else {
            throw ValidationError("--trials must be from 1 to 100000, not \(trials)")
        }
        guard output.hasSuffix(".json") else { throw ValidationError("--output: a device file ends in .json") }
    }

    func run() throws {
        let start = try from.map { name throws(Failure) in try GPUCatalogue.named(name) } ?? Calibration.firstGuess()
        func report(_ progress: Calibration.Progress) {
            Terminal.progress(
                "trial \(progress.trial) of \(progress.trials), loss \(Figure.fixed(progress.loss, decimals: 4))")
        }
        var gpu: GPUModel
        if let profile, isFolder(profile) {
            guard from == nil else {
                throw Failure.usage("--from: a card is fitted to a check from a first guess of its own; leave it out")
            }
            return try fit(toCheck: profile, report: report)
        }
        if let profile {
            let measured: GPUProfile
            do { measured = try GPUProfile.read(path: profile) } catch { throw Failure.usage(error) }
            let calibration = ProfileCalibration(measured)
            gpu = calibration.fit(from: start, trials: trials, report: report)
            Terminal.endProgress()
            try OutputFolder.write(GPUCatalogue.encoded(gpu), to: output)
            try Terminal.print(
                "\(output): \(gpu.title), mean error of stage times under load "
                    + "\(Figure.percent(calibration.loss(of: gpu))) %")
            return
        }
        gpu = Calibration(rows: PublishedTable.rtx2080ti.rows).fit(from: start, trials: trials, report: report)
        gpu.source = "fitted to published measurements of an RTX 2080 Ti (arXiv 2504.08795)"
        gpu.isMeasured = true
        Terminal.endProgress()
        try OutputFolder.write(GPUCatalogue.encoded(gpu), to: output)
        let rows = Reproduction.all(on: gpu, seeds: 1)
        try Terminal.print(
            ReproductionReport(rows: rows, title: gpu.source).text(styling: Terminal.styling) + "\n\n\(output) written")
    }

    private func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }

    /// Fits a card to a check of it, and says how far off it is, also on what it was not fitted to.
    private func fit(toCheck folder: String, report: (Calibration.Progress) -> Void) throws {
        let calibration: GraphCalibration
        do {
            calibration = try GraphCalibration(
                GPUProfile.read(path: folder + "/profile.json"), MeasuredCheck.read(folder: folder))
        } catch { throw Failure.usage(error) }
        let gpu = calibration.fit(trials: trials, report: report)
        Terminal.endProgress()
        try OutputFolder.write(GPUCatalogue.encoded(gpu), to: output)
        var table = TextTable([.text("figures"), .number("number"), .number("median error %"), .number("largest %")])
        let kinds = [
            ("closed loops, fitted to", calibration.loops(on: gpu, fitted: true)),
            ("closed loops, not fitted to", calibration.loops(on: gpu, fitted: false)),
            ("times beside neighbours, fitted to", calibration.neighbours(on: gpu)),
            ("energy of an inference, fitted to", calibration.energy(on: gpu, fitted: true)),
            ("energy of an inference, not fitted to", calibration.energy(on: gpu, fitted: false)),
        ]
        for (name, differences) in kinds where !differences.isEmpty {
            let errors = differences.map { abs($0.relativeError) * 100 }
            table.append([
                name, "\(errors.count)", Figure.fixed(median(errors), decimals: 1),
                Figure.fixed(errors.max() ?? 0, decimals: 1),
            ])
        }
        try Terminal.print(
            "\(output): \(gpu.title)\n\n" + table.text(styling: Terminal.styling)
                + "\n\nRuns of the scheduler, which no fit looks at: daris reproduce --measured \(folder) --device \(output)"
        )
    }
}
