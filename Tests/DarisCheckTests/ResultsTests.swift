import DarisCore
import Foundation
import Testing

@testable import DarisCheck

@Suite("Results of a check")
struct ResultsTests {
    private func folder() throws -> ResultsFolder {
        try ResultsFolder(path: NSTemporaryDirectory() + "/daris-check-\(UUID().uuidString)/deep/er")
    }

    private func remove(_ folder: ResultsFolder) {
        try? FileManager.default.removeItem(atPath: folder.path + "/../..")
    }

    private func read(_ folder: ResultsFolder) throws -> CheckResults {
        let data = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/results.json"))
        return try JSONDecoder().decode(CheckResults.self, from: data)
    }

    @Test("written results are read again, and no other file is left behind")
    func roundTrip() throws {
        let folder = try folder()
        defer { remove(folder) }
        try folder.write(emptyResults())
        #expect(try read(folder) == emptyResults())
        let results = fullResults()
        try folder.write(results)
        #expect(try read(folder) == results)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(names == ["batching.svg", "partitions.svg", "results.json", "results.md", "task-sets.svg"])
    }

    @Test("a reader that has the file open while it is replaced keeps the old content")
    func atomic() throws {
        let folder = try folder()
        defer { remove(folder) }
        try folder.write(fullResults())
        let path = folder.path + "/results.json"
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        let reader = try #require(FileHandle(forReadingAtPath: path))
        try folder.write(emptyResults())
        #expect(try reader.readToEnd() == before)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) != before)
    }

    @Test("a folder that cannot be written is an error that names it")
    func unwritable() throws {
        #expect {
            try ResultsFolder(path: "/dev/null/results")
        } throws: { error in "\(error)".contains("cannot make the folder /dev/null/results") }
        let folder = try folder()
        remove(folder)
        #expect {
            try folder.write(emptyResults())
        } throws: { error in "\(error)".contains("results.json") }
    }

    @Test("the best run of each task set is from all steps with batches")
    func best() {
        var results = fullResults()
        #expect(results.best(of: "resnet18")?.jps == 1_200 && results.best(of: "nothing") == nil)
        results.largeBatches.append(row("resnet18", green(3, 1, 1), jps: 1_300))
        #expect(results.best(of: "resnet18")?.jps == 1_300)
        results.unbatched.append(row("resnet18", green(3, 1, 2), jps: 1_400))
        #expect(results.best(of: "resnet18")?.jps == 1_300)
    }

    @Test("the relative difference of outputs; a NaN gives the largest difference")
    func difference() {
        func bytes(_ numbers: [Float]) -> [UInt8] { numbers.withUnsafeBytes(Array.init) }
        #expect(GPUCheck.relativeDifference([bytes([1, -4])], [bytes([1, -4])]) == 0)
        #expect(abs(GPUCheck.relativeDifference([bytes([1, -4.5])], [bytes([1, -4])]) - 0.125) < 1e-9)
        #expect(GPUCheck.relativeDifference([bytes([.nan])], [bytes([1])]) == .greatestFiniteMagnitude)
        #expect(GPUCheck.relativeDifference([bytes([1])], [bytes([1, 2])]) == .greatestFiniteMagnitude)
        #expect(GPUCheck.relativeDifference([bytes([1])], [bytes([0])]) == .greatestFiniteMagnitude)
    }
}
