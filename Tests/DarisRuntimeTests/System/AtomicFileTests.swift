import Foundation
import Testing

@testable import DarisRuntime

@Suite("Files that are written whole", .timeLimit(.minutes(15)))
struct AtomicFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func path(_ name: String) -> String { folder.path + "/" + name }
    private func text(_ name: String) -> String? { try? String(contentsOfFile: path(name), encoding: .utf8) }
    private func write(_ text: String, _ name: String) throws {
        try text.write(toFile: path(name), atomically: false, encoding: .utf8)
    }

    @Test("a file is there once it is whole, and an earlier one stays until then, with its permissions after")
    func replaced() throws {
        try write("earlier", "a")
        chmod(path("a"), 0o600)
        let file = try AtomicFile(path("a"))
        try file.write(Array("later".utf8))
        #expect(text("a") == "earlier")
        try file.commit()
        #expect(text("a") == "later")
        var status = stat()
        #expect(stat(path("a"), &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a"])
    }

    @Test("one that does not become whole leaves nothing, unless what there is of it is to be kept")
    func discarded() throws {
        try write("earlier", "a")
        do {
            let file = try AtomicFile(path("a"))
            try file.write(Array("half".utf8))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a"])
        let kept = try AtomicFile(path("a"))
        try kept.write(Array("half".utf8))
        kept.discard(keeping: true)
        let unfinished = try #require(kept.unfinished)
        #expect(try String(contentsOfFile: unfinished, encoding: .utf8) == "half")
        #expect(text("a") == "earlier")
    }

    @Test("a link stays a link, whether there is a file behind it or not", arguments: ["b", "deep/b"])
    func link(target: String) throws {
        try FileManager.default.createDirectory(atPath: path("deep"), withIntermediateDirectories: true)
        symlink("second", path("first"))
        symlink(target, path("second"))
        for content in ["one", "two"] {
            let file = try AtomicFile(path("first"))
            try file.write(Array(content.utf8))
            try file.commit()
            #expect(text(target) == content)
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path("second")) == target)
        }
        symlink("circle", path("circle"))
        #expect(throws: AtomicFile.Problem.self) { try AtomicFile(path("circle")) }
    }

    @Test("a device is written to as it is")
    func device() throws {
        let file = try AtomicFile("/dev/full")
        #expect(file.unfinished == nil)
        #expect(throws: AtomicFile.Problem.self) { try file.write([1]) }
        var status = stat()
        #expect(lstat("/dev/full", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
    }

    @Test("a pipe needs a reader, which may not keep a writer for ever")
    func pipe() throws {
        mkfifo(path("pipe"), 0o600)
        let problem = #expect(throws: AtomicFile.Problem.self) { try AtomicFile(path("pipe")) }
        #expect(problem?.description.contains("a pipe needs its reader first") == true)
        let reader = open(path("pipe"), O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        try AtomicFile.check(path("pipe"))
        let file = try AtomicFile(path("pipe"), patience: 0.05)
        let stuck = #expect(throws: AtomicFile.Problem.self) { try file.write([UInt8](repeating: 1, count: 1 << 21)) }
        #expect(stuck?.description.contains("has taken nothing") == true)
    }

    @Test("what cannot be written is told before, and nothing is changed by asking")
    func check() throws {
        try write("earlier", "a")
        try AtomicFile.check(path("a"))
        try AtomicFile.check(path("new"))
        for wrong in [path("no/where"), folder.path, ""] {
            #expect(throws: AtomicFile.Problem.self) { try AtomicFile.check(wrong) }
        }
        #expect(text("a") == "earlier")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a"])
    }
}
