//! A stable merge sort in bounded memory.
//!
//! Items collect in memory up to a budget; beyond it, sorted runs go to files in a directory of
//! their own, which is removed when the sort is dropped. What fits one run never touches the disk.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes of items that are kept in memory: about a million readings.
pub const BUDGET: usize = 128 << 20;

/// So many runs are open at a time; more are merged in several passes.
const FAN_IN: usize = 64;
const RUN_BUFFER: usize = 1 << 18;

/// What can be sorted and kept in a file meanwhile.
pub trait Spill: Sized {
    /// What it is sorted by.
    fn key(&self) -> i64;
    /// How many bytes of memory it takes, about.
    fn weight(&self) -> usize;
    /// Writes it.
    fn write(&self, out: &mut dyn Write) -> io::Result<()>;
    /// Reads what [`write`](Self::write) wrote.
    fn read(from: &mut dyn Read) -> io::Result<Self>;
}

/// Collects items.
pub struct Sorter<T> {
    budget: usize,
    items: Vec<T>,
    weight: usize,
    runs: Vec<Run>,
    scratch: Scratch,
    count: u64,
}

/// Items in the order of their keys; equal keys in the order in which they were pushed.
pub struct Sorted<T> {
    source: Source<T>,
    /// How many items there are in all.
    pub count: u64,
}

enum Source<T> {
    Memory(std::vec::IntoIter<T>),
    Runs(Merge<T>),
}

struct Run {
    path: PathBuf,
    count: u64,
}

impl<T: Spill> Sorter<T> {
    /// Sorts with files in `directory` if more than `budget` bytes of items come.
    pub fn new(directory: &Path, budget: usize) -> Self {
        Self {
            budget,
            items: Vec::new(),
            weight: 0,
            runs: Vec::new(),
            scratch: Scratch { directory: directory.to_path_buf(), made: false, next: 0 },
            count: 0,
        }
    }

    /// Adds an item.
    pub fn push(&mut self, item: T) -> io::Result<()> {
        self.weight += item.weight();
        self.items.push(item);
        self.count += 1;
        if self.weight >= self.budget { self.spill() } else { Ok(()) }
    }

    /// All items in order.
    pub fn finish(mut self) -> io::Result<Sorted<T>> {
        let count = self.count;
        if self.runs.is_empty() {
            self.items.sort_by_key(Spill::key);
            return Ok(Sorted { source: Source::Memory(self.items.into_iter()), count });
        }
        if !self.items.is_empty() {
            self.spill()?;
        }
        self.items = Vec::new();
        let mut scratch = self.scratch;
        let mut runs = self.runs;
        while runs.len() > FAN_IN {
            runs = merge_groups::<T>(&runs, &mut scratch)?;
        }
        Ok(Sorted { source: Source::Runs(Merge::open(&runs, Some(scratch))?), count })
    }

    fn spill(&mut self) -> io::Result<()> {
        self.items.sort_by_key(Spill::key);
        let mut writer = RunWriter::new(&mut self.scratch)?;
        for item in self.items.drain(..) {
            writer.push(&item)?;
        }
        self.runs.push(writer.finish()?);
        self.weight = 0;
        Ok(())
    }
}

impl<T: Spill> Iterator for Sorted<T> {
    type Item = io::Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            Source::Memory(items) => items.next().map(Ok),
            Source::Runs(merge) => merge.next(),
        }
    }
}

/// Merges neighbouring runs, which keeps equal keys in order.
fn merge_groups<T: Spill>(runs: &[Run], scratch: &mut Scratch) -> io::Result<Vec<Run>> {
    let mut merged = Vec::new();
    for group in runs.chunks(FAN_IN) {
        let mut writer = RunWriter::new(scratch)?;
        for item in Merge::<T>::open(group, None)? {
            writer.push(&item?)?;
        }
        merged.push(writer.finish()?);
        for run in group {
            fs::remove_file(&run.path)?;
        }
    }
    Ok(merged)
}

struct RunWriter {
    out: BufWriter<File>,
    run: Run,
}

impl RunWriter {
    fn new(scratch: &mut Scratch) -> io::Result<Self> {
        let path = scratch.next_path()?;
        let out = BufWriter::with_capacity(RUN_BUFFER, File::create(&path)?);
        Ok(Self { out, run: Run { path, count: 0 } })
    }

    fn push<T: Spill>(&mut self, item: &T) -> io::Result<()> {
        self.run.count += 1;
        item.write(&mut self.out)
    }

    fn finish(mut self) -> io::Result<Run> {
        self.out.flush()?;
        Ok(self.run)
    }
}

/// The heads of all runs, smallest first.
struct Merge<T> {
    readers: Vec<RunReader>,
    heads: Vec<Option<T>>,
    order: BinaryHeap<Reverse<(i64, usize)>>,
    // Removes the files when the last item was read or the merge is dropped.
    _scratch: Option<Scratch>,
}

struct RunReader {
    from: BufReader<File>,
    left: u64,
}

impl<T: Spill> Merge<T> {
    fn open(runs: &[Run], scratch: Option<Scratch>) -> io::Result<Self> {
        let mut merge = Self {
            readers: Vec::new(),
            heads: Vec::new(),
            order: BinaryHeap::new(),
            _scratch: scratch,
        };
        for (at, run) in runs.iter().enumerate() {
            let from = BufReader::with_capacity(RUN_BUFFER, File::open(&run.path)?);
            merge.readers.push(RunReader { from, left: run.count });
            merge.heads.push(None);
            merge.refill(at)?;
        }
        Ok(merge)
    }

    fn refill(&mut self, at: usize) -> io::Result<()> {
        let reader = &mut self.readers[at];
        if reader.left == 0 {
            return Ok(());
        }
        reader.left -= 1;
        let item = T::read(&mut reader.from)?;
        self.order.push(Reverse((item.key(), at)));
        self.heads[at] = Some(item);
        Ok(())
    }
}

impl<T: Spill> Iterator for Merge<T> {
    type Item = io::Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((_, at)) = self.order.pop()?;
        let item = self.heads[at].take()?;
        match self.refill(at) {
            Ok(()) => Some(Ok(item)),
            Err(error) => {
                self.order.clear();
                Some(Err(error))
            }
        }
    }
}

/// The directory of the runs; made when needed, removed with everything in it.
struct Scratch {
    directory: PathBuf,
    made: bool,
    next: u64,
}

impl Scratch {
    fn next_path(&mut self) -> io::Result<PathBuf> {
        if !self.made {
            fs::create_dir_all(&self.directory)?;
            self.made = true;
        }
        self.next += 1;
        Ok(self.directory.join(format!("run-{:06}", self.next)))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.made {
            // Nothing can be done about a failure here, and the results are already complete.
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, PartialEq, Eq, PartialOrd, Debug)]
    struct Pair(i64, u64);

    impl Spill for Pair {
        fn key(&self) -> i64 {
            self.0
        }
        fn weight(&self) -> usize {
            16
        }
        fn write(&self, out: &mut dyn Write) -> io::Result<()> {
            out.write_all(&self.0.to_le_bytes())?;
            out.write_all(&self.1.to_le_bytes())
        }
        fn read(from: &mut dyn Read) -> io::Result<Self> {
            let mut bytes = [[0; 8]; 2];
            from.read_exact(&mut bytes[0])?;
            from.read_exact(&mut bytes[1])?;
            Ok(Self(i64::from_le_bytes(bytes[0]), u64::from_le_bytes(bytes[1])))
        }
    }

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("replay-sort-{name}-{}", std::process::id()))
    }

    fn sorted(items: &[Pair], budget: usize, name: &str) -> Vec<Pair> {
        let directory = scratch(name);
        let mut sorter = Sorter::new(&directory, budget);
        for item in items {
            sorter.push(item.clone()).unwrap();
        }
        let found: Vec<Pair> = sorter.finish().unwrap().map(Result::unwrap).collect();
        assert!(!directory.exists(), "the runs are removed");
        found
    }

    /// A fixed pseudo-random sequence with many equal keys.
    fn items(count: u64) -> Vec<Pair> {
        let mut x = 42_u64;
        let mut next = || {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((x >> 33) % 97).unwrap()
        };
        (0..count).map(|n| Pair(next(), n)).collect()
    }

    #[test]
    fn runs_on_disk_sort_like_memory_and_keep_equal_keys_in_order() {
        let items = items(5000);
        let memory = sorted(&items, usize::MAX, "memory");
        assert!(memory.is_sorted());
        assert_eq!(sorted(&items, 16 * 1000, "few"), memory);
        // 500 runs: more than are merged at once.
        assert_eq!(sorted(&items, 16 * 10, "many"), memory);
    }

    #[test]
    fn an_abandoned_sort_leaves_nothing_behind() {
        let directory = scratch("dropped");
        let mut sorter = Sorter::new(&directory, 16);
        sorter.push(Pair(1, 1)).unwrap();
        assert!(directory.exists());
        drop(sorter);
        assert!(!directory.exists());
        assert_eq!(sorted(&[], 16, "empty"), []);
    }
}
