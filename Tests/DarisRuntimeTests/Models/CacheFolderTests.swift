import Foundation
import Synchronization
import Testing

@testable import DarisRuntime

@Suite("The cache", .timeLimit(.minutes(15)))
struct CacheFolderTests {
    private func write(_ text: String, _ path: String) throws {
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }

    private func text(_ cache: CacheFolder, _ entry: String) -> String? {
        try? String(contentsOfFile: cache.path(entry) + "/file", encoding: .utf8)
    }

    @Test("an entry is there once it has been made, and leaves nothing else behind")
    func make() throws {
        let folder = try TemporaryFolder()
        let cache = CacheFolder(path: folder.path + "/deep/cache")
        #expect(!cache.has("things/a"))
        try cache.make("things/a") { try write("content", $0 + "/file") }
        #expect(cache.has("things/a") && text(cache, "things/a") == "content")
        #expect(try FileManager.default.contentsOfDirectory(atPath: cache.path("things")) == ["a"])
    }

    @Test("an entry of which a file was changed, cut short or removed is not there", arguments: 0..<5)
    func damaged(kind: Int) throws {
        let folder = try TemporaryFolder()
        let cache = CacheFolder(path: folder.path)
        try cache.make("a") { try write("content", $0 + "/file") }
        let path = cache.path("a")
        switch kind {
        case 0: try write("Content", path + "/file")
        case 1: try write("conten", path + "/file")
        case 2: try FileManager.default.removeItem(atPath: path + "/file")
        case 3: try write("{", path + "/checksums.json")
        default: try FileManager.default.removeItem(atPath: path + "/checksums.json")
        }
        #expect(!cache.has("a"))
        try cache.make("a") { try write("content", $0 + "/file") }
        #expect(cache.has("a") && text(cache, "a") == "content")
    }

    @Test("what killed makers left behind goes once it is old, and what is being made stays")
    func abandoned() throws {
        let folder = try TemporaryFolder()
        let cache = CacheFolder(path: folder.path)
        try cache.make("stages/a") { try write("content", $0 + "/file") }
        for name in ["old.part", "new.part"] {
            let part = cache.path("stages/" + name)
            try FileManager.default.createDirectory(atPath: part, withIntermediateDirectories: true)
            try write("half", part + "/file")
        }
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -7_200)], ofItemAtPath: cache.path("stages/old.part"))
        cache.removeAbandoned()
        #expect(Set(try FileManager.default.contentsOfDirectory(atPath: cache.path("stages"))) == ["a", "new.part"])
    }

    @Test("what a body throws is thrown on, and nothing is left of the entry")
    func failingBody() throws {
        let folder = try TemporaryFolder()
        let cache = CacheFolder(path: folder.path)
        #expect(throws: PreparationError.self) {
            try cache.make("a") { _ in throw PreparationError.noLoad("no") }
        }
        #expect(throws: PreparationError.self) { try cache.make("a") { _ in throw CocoaError(.fileNoSuchFile) } }
        #expect(!cache.has("a"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }

    @Test("of many who make an entry at once the first one's stays")
    func atOnce() async throws {
        let folder = try TemporaryFolder()
        let arrived = Atomic<Int>(0)
        let threads = (0..<8).map { number in
            DedicatedThread(.init(name: "make")) {
                // One cache each, as processes have.
                let cache = CacheFolder(path: folder.path)
                do {
                    try cache.make("a") { work in
                        for file in 0..<20 { try write("\(number)", work + "/file\(file)") }
                        // Nobody is done before everybody has begun.
                        arrived.add(1, ordering: .sequentiallyConsistent)
                        while arrived.load(ordering: .sequentiallyConsistent) < 8 {}
                    }
                } catch {
                    Issue.record("\(error)")
                }
                if !cache.has("a") { Issue.record("the entry is not there") }
            }
        }
        await onThread { for thread in threads { thread.join() } }
        let texts = try (0..<20).map { try String(contentsOfFile: folder.path + "/a/file\($0)", encoding: .utf8) }
        #expect(Set(texts).count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [".lock", "a"])
    }

    @Test("a fresh cache passes over what it finds, but not over what was made through it")
    func fresh() throws {
        let folder = try TemporaryFolder()
        try CacheFolder(path: folder.path).make("a") { try write("old", $0 + "/file") }
        let cache = CacheFolder(path: folder.path, isFresh: true)
        let copy = cache
        #expect(!cache.has("a"))
        try cache.make("a") { try write("new", $0 + "/file") }
        #expect(copy.has("a") && text(cache, "a") == "new")
        #expect(text(CacheFolder(path: folder.path), "a") == "new")
    }

    @Test("a folder that cannot be written is an error that says what to do")
    func unwritable() throws {
        let folder = try TemporaryFolder()
        try write("a file in the way", folder.path + "/cache")
        let cache = CacheFolder(path: folder.path + "/cache")
        let error = #expect(throws: PreparationError.self) { try cache.make("a") { _ in } }
        let text = error?.description ?? ""
        #expect(text.contains(cache.path("a")) && text.contains("XDG_CACHE_HOME"))
        cache.write([1], to: "b.json")
        #expect(cache.read("b.json", as: [Int].self) == nil)
    }

    @Test("values are read back, and what cannot be read is as if it were not there")
    func values() throws {
        let folder = try TemporaryFolder()
        let cache = CacheFolder(path: folder.path)
        #expect(cache.read("b/c.json", as: [Int].self) == nil)
        cache.write([1, 2], to: "b/c.json")
        #expect(cache.read("b/c.json", as: [Int].self) == [1, 2])
        #expect(cache.read("b/c.json", as: [String].self) == nil)
        #expect(CacheFolder(path: folder.path, isFresh: true).read("b/c.json", as: [Int].self) == nil)
        try write("[1, 2", folder.path + "/b/c.json")
        #expect(cache.read("b/c.json", as: [Int].self) == nil)
    }
}
